"""SQL of pairings."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from modelyard.identity.pairings.domain import Pairing
from modelyard.identity.pairings.tables import pairings
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.db.inserting import insert_unless_taken
from modelyard.infra.db.pages import read_page
from modelyard.kernel.paging import Page, PageRequest


class PairingStore:
    """Pairings of one project."""

    def __init__(self, uow: UnitOfWork, project_id: str) -> None:
        self._connection = uow.connection
        self._project_id = project_id

    def add(self, pairing: Pairing) -> bool:
        """False when one holds already for this caller and endpoint."""
        if pairing.project_id != self._project_id:
            raise ValueError("the pairing belongs to another project")
        return insert_unless_taken(self._connection, pairings.insert().values(**asdict(pairing)))

    def find(self, pairing_id: str) -> Pairing | None:
        return self._one(pairings.c.id == pairing_id)

    def find_holding(self, caller_id: str, endpoint_id: str) -> Pairing | None:
        return self._one(
            sa.and_(
                pairings.c.caller_id == caller_id,
                pairings.c.endpoint_id == endpoint_id,
                pairings.c.revoked_at.is_(None),
            )
        )

    def find_last(self, caller_id: str, endpoint_id: str) -> Pairing | None:
        query = self._query().where(pairings.c.caller_id == caller_id, pairings.c.endpoint_id == endpoint_id)
        row = self._connection.execute(query.order_by(pairings.c.id.desc()).limit(1)).one_or_none()
        return None if row is None else _pairing(row)

    def revoke(self, pairing_id: str, now: datetime) -> bool:
        """False when it did not hold any more."""
        statement = pairings.update().where(
            pairings.c.project_id == self._project_id, pairings.c.id == pairing_id, pairings.c.revoked_at.is_(None)
        )
        return self._connection.execute(statement.values(revoked_at=now)).rowcount == 1

    def list_holding(self, endpoint: str | None, page: PageRequest) -> Page[Pairing]:
        """Newest first; of one endpoint by name, or of all."""
        query = self._query().where(pairings.c.revoked_at.is_(None))
        if endpoint is not None:
            query = query.where(pairings.c.endpoint == endpoint)
        return read_page(self._connection, query, [pairings.c.id], page, _pairing, newest_first=True)

    def _one(self, condition: sa.ColumnElement[bool]) -> Pairing | None:
        row = self._connection.execute(self._query().where(condition)).one_or_none()
        return None if row is None else _pairing(row)

    def _query(self) -> sa.Select[Any]:
        return sa.select(pairings).where(pairings.c.project_id == self._project_id)


def all_holding(uow: UnitOfWork) -> tuple[Pairing, ...]:
    """Of the whole installation: for rendering whom the gateway lets in, and for nothing else."""
    query = sa.select(pairings).where(pairings.c.revoked_at.is_(None)).order_by(pairings.c.id)
    return tuple(_pairing(row) for row in uow.connection.execute(query))


def _pairing(row: Any) -> Pairing:
    return Pairing(**row._mapping)
