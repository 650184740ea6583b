"""SQL of enrolled nodes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from modelyard.identity.nodes.domain import EnrolledNode
from modelyard.identity.nodes.tables import enrolled_nodes
from modelyard.infra.db.database import UnitOfWork


class EnrolledNodeStore:  # lint-skip: project-scope nodes belong to the installation
    """Nodes of the installation."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection

    def add(self, node: EnrolledNode) -> None:
        self._connection.execute(enrolled_nodes.insert().values(**asdict(node)))

    def find_by_key(self, key_id: str) -> EnrolledNode | None:
        return self._one(enrolled_nodes.c.key_id == key_id)

    def find_by_name(self, name: str) -> EnrolledNode | None:
        """The one under that name that is not revoked."""
        return self._one(sa.and_(enrolled_nodes.c.name == name, enrolled_nodes.c.revoked_at.is_(None)))

    def revoke(self, node_id: str, now: datetime) -> None:
        statement = enrolled_nodes.update().where(enrolled_nodes.c.id == node_id)
        self._connection.execute(statement.values(revoked_at=now))

    def nodes(self) -> tuple[EnrolledNode, ...]:
        rows = self._connection.execute(sa.select(enrolled_nodes).order_by(enrolled_nodes.c.name))
        return tuple(_node(row) for row in rows)

    def _one(self, condition: sa.ColumnElement[bool]) -> EnrolledNode | None:
        row = self._connection.execute(sa.select(enrolled_nodes).where(condition)).one_or_none()
        return None if row is None else _node(row)


def _node(row: Any) -> EnrolledNode:
    return EnrolledNode(**{**row._mapping, "public_key": bytes(row.public_key)})
