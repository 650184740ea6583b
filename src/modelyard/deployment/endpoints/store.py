"""SQL of endpoints."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from modelyard.deployment.endpoints.domain import Endpoint, Report, Wanted
from modelyard.deployment.endpoints.tables import endpoint_reports, endpoints
from modelyard.infra.db import UnitOfWork
from modelyard.infra.db.inserting import insert_unless_taken
from modelyard.infra.db.pages import read_page
from modelyard.kernel.paging import Page, PageRequest


class EndpointStore:
    """Endpoints of one project."""

    def __init__(self, uow: UnitOfWork, project_id: str) -> None:
        self._connection = uow.connection
        self._project_id = project_id

    def add(self, endpoint: Endpoint) -> bool:
        """False when the name is taken."""
        return insert_unless_taken(self._connection, endpoints.insert().values(**asdict(endpoint)))

    def find_by_name(self, name: str, *, lock: bool = False) -> Endpoint | None:
        return self._one(endpoints.c.name == name, lock)

    def find(self, endpoint_id: str, *, lock: bool = False) -> Endpoint | None:
        """`lock`: others who would change it wait until this transaction ends."""
        return self._one(endpoints.c.id == endpoint_id, lock)

    def save(self, endpoint: Endpoint) -> None:
        condition = (endpoints.c.id == endpoint.id) & (endpoints.c.project_id == self._project_id)
        self._connection.execute(endpoints.update().where(condition).values(**asdict(endpoint)))

    def list_endpoints(self, page: PageRequest) -> Page[Endpoint]:
        """By name."""
        query = sa.select(endpoints).where(endpoints.c.project_id == self._project_id)
        return read_page(self._connection, query, [endpoints.c.name], page, _endpoint)

    def reports(self, endpoint_ids: Collection[str]) -> list[Report]:
        """What nodes said of them, the newest first."""
        query = (
            sa.select(endpoint_reports)
            .join(endpoints, endpoints.c.id == endpoint_reports.c.endpoint_id)
            .where(endpoints.c.project_id == self._project_id, endpoints.c.id.in_(sorted(endpoint_ids)))
            .order_by(endpoint_reports.c.at.desc())
        )
        return [Report(**row._mapping) for row in self._connection.execute(query)]

    def _one(self, condition: sa.ColumnElement[bool], lock: bool) -> Endpoint | None:
        query = sa.select(endpoints).where(condition, endpoints.c.project_id == self._project_id)
        row = self._connection.execute(query.with_for_update() if lock else query).one_or_none()
        return None if row is None else _endpoint(row)


class EveryEndpointStore:  # lint-skip: project-scope a node serves all projects, and its state is rendered for all
    """Endpoints of the installation, for rendering desired state and for what nodes report."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection

    def list_wanted(self) -> list[Wanted]:
        """Those at which something should answer, in a stable order."""
        query = sa.select(*(endpoints.c[name] for name in Wanted._fields))
        query = query.where(endpoints.c.target_release_id.is_not(None)).order_by(endpoints.c.id)
        return [Wanted._make(row) for row in self._connection.execute(query)]

    def list_swapping(self) -> list[Endpoint]:
        """Those at which something else should answer than does; others who would change them wait."""
        differs = endpoints.c.target_release_id.is_distinct_from(endpoints.c.live_release_id)
        query = sa.select(endpoints).where(differs).order_by(endpoints.c.id).with_for_update()
        return [_endpoint(row) for row in self._connection.execute(query)]

    def known_ids(self) -> frozenset[str]:
        return frozenset(self._connection.execute(sa.select(endpoints.c.id)).scalars())

    def reports_of(self, node_id: str) -> dict[str, Report]:
        query = sa.select(endpoint_reports).where(endpoint_reports.c.node_id == node_id)
        return {row.endpoint_id: Report(**row._mapping) for row in self._connection.execute(query)}

    def replace_reports(self, node_id: str, changed: Collection[Report], gone: Collection[str]) -> None:
        """Writes what a node newly says, and forgets what it says no more."""
        ids = sorted({report.endpoint_id for report in changed} | set(gone))
        for start in range(0, len(ids), 500):
            condition = endpoint_reports.c.endpoint_id.in_(ids[start : start + 500])
            self._connection.execute(endpoint_reports.delete().where(endpoint_reports.c.node_id == node_id, condition))
        if changed:
            self._connection.execute(endpoint_reports.insert(), [asdict(report) for report in changed])


def _endpoint(row: Any) -> Endpoint:
    return Endpoint(*row)
