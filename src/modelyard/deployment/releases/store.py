"""SQL of releases."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from modelyard.deployment.releases.domain import Cover, Release
from modelyard.deployment.releases.tables import release_numbers, releases
from modelyard.infra.db import UnitOfWork
from modelyard.infra.db.pages import read_page
from modelyard.kernel.paging import Page, PageRequest

_NUMBERS_ID = 1
# Well below what either database takes as parameters; each query costs more than its rows.
IDS_A_QUERY = 10_000
# A JSON column writes Python's None as JSON null unless told so.
_NULLABLE_JSON = ("statement", "evidence")


class ReleaseStore:
    """Releases of one project."""

    def __init__(self, uow: UnitOfWork, project_id: str) -> None:
        self._connection = uow.connection
        self._project_id = project_id

    def add(self, release: Release) -> None:
        self._connection.execute(releases.insert().values(**_values(release)))

    def lock(self, number: int) -> Release:
        """Of a release that was seen in this project; others who would change it wait."""
        query = self._query().where(releases.c.number == number).with_for_update()
        return _release(self._connection.execute(query).one())

    def save(self, release: Release) -> None:
        condition = (releases.c.id == release.id) & (releases.c.project_id == self._project_id)
        self._connection.execute(releases.update().where(condition).values(**_values(release)))

    def find(self, release_id: str) -> Release | None:
        row = self._connection.execute(self._query().where(releases.c.id == release_id)).one_or_none()
        return None if row is None else _release(row)

    def find_pending(self, endpoint_id: str, version_id: str) -> Release | None:
        query = self._query().where(
            releases.c.endpoint_id == endpoint_id, releases.c.version_id == version_id, releases.c.state == "pending"
        )
        row = self._connection.execute(query.limit(1)).one_or_none()
        return None if row is None else _release(row)

    def of_endpoint(self, endpoint_id: str) -> list[Release]:
        """That were ever signed, newest first."""
        query = self._query().where(releases.c.endpoint_id == endpoint_id, releases.c.targeted_at.is_not(None))
        return [_release(row) for row in self._connection.execute(query.order_by(releases.c.number.desc()))]

    def _query(self) -> sa.Select[Any]:
        return sa.select(releases).where(releases.c.project_id == self._project_id)


class EveryReleaseStore:  # lint-skip: project-scope a number is looked up before its project is known; lists are scoped
    """Releases of the installation."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection

    def next_number(self) -> int:
        """Counts per installation; gaps come only of transactions that failed."""
        first = "INSERT INTO release_numbers (id, last) VALUES (:id, 0) ON CONFLICT DO NOTHING"
        self._connection.execute(sa.text(first), {"id": _NUMBERS_ID})
        statement = release_numbers.update().values(last=release_numbers.c.last + 1)
        counted = statement.where(release_numbers.c.id == _NUMBERS_ID).returning(release_numbers.c.last)
        return int(self._connection.execute(counted).scalar_one())

    def find_by_number(self, number: int) -> Release | None:
        row = self._connection.execute(sa.select(releases).where(releases.c.number == number)).one_or_none()
        return None if row is None else _release(row)

    def list_releases(
        self,
        project_ids: Collection[str] | None,
        page: PageRequest,
        *,
        state: str = "",
        project: str = "",
        endpoint: str = "",
        version_id: str = "",
    ) -> Page[Release]:
        """Newest first; `project_ids` None means of all projects."""
        query = sa.select(releases)
        if project_ids is not None:
            query = query.where(releases.c.project_id.in_(sorted(project_ids)))
        wanted = {"state": state, "project": project, "endpoint": endpoint, "version_id": version_id}
        for name, value in wanted.items():
            if value:
                query = query.where(releases.c[name] == value)
        return read_page(self._connection, query, [releases.c.number], page, _release, newest_first=True)

    def covers(self, release_ids: Collection[str]) -> dict[str, Cover]:
        """By id, without the statements."""
        columns = (releases.c.id, releases.c.number, releases.c.version_id)
        return {row.id: Cover(*row) for row in self._in_batches(sa.select(*columns), release_ids)}

    def statements(self, release_ids: Collection[str]) -> dict[str, dict[str, Any] | None]:
        """By id, exactly as they were signed."""
        columns = (releases.c.id, releases.c.statement)
        return {row.id: row.statement for row in self._in_batches(sa.select(*columns), release_ids)}

    def _in_batches(self, query: sa.Select[Any], release_ids: Collection[str]) -> list[Any]:
        ids = sorted(release_ids)
        parts = (ids[start : start + IDS_A_QUERY] for start in range(0, len(ids), IDS_A_QUERY))
        return [row for part in parts for row in self._connection.execute(query.where(releases.c.id.in_(part)))]


def _values(release: Release) -> dict[str, Any]:
    values = asdict(release)
    values["author_ids"] = list(release.author_ids)
    return values | {name: sa.null() for name in _NULLABLE_JSON if values[name] is None}


def _release(row: Any) -> Release:
    return Release(**{**row._mapping, "author_ids": tuple(row.author_ids)})
