"""The only SQL of cell jobs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from modelyard.builds.cells.domain import OPEN, Ask, Order
from modelyard.builds.cells.tables import cell_jobs
from modelyard.infra.db.database import UnitOfWork


class OrderStore:  # lint-skip: project-scope a node serves every project; a job names its own
    """Cell jobs of the installation."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection

    def add(self, order: Order) -> None:
        row = asdict(order) | {"blobs": list(order.blobs)}
        # Absent is SQL's null, not JSON's.
        for name in ("envelope", "result", "failure"):
            if row[name] is None:
                del row[name]
        self._connection.execute(cell_jobs.insert().values(**row))

    def find(self, job_id: str) -> Order | None:
        row = self._connection.execute(sa.select(cell_jobs).where(cell_jobs.c.id == job_id)).one_or_none()
        return _order(row) if row else None

    def find_latest(self, ask: Ask) -> Order | None:
        """The newest job asked for the same, however it stands."""
        table = cell_jobs.c
        query = sa.select(cell_jobs).where(
            table.subject_id == ask.subject_id,
            table.purpose == ask.purpose,
            table.inputs_digest == ask.inputs_digest,
        )
        row = self._connection.execute(query.order_by(table.id.desc()).limit(1)).one_or_none()
        return _order(row) if row else None

    def list_open(self, node_id: str) -> list[Order]:
        """Oldest first."""
        table = cell_jobs.c
        query = sa.select(cell_jobs).where(table.node_id == node_id, table.state.in_(OPEN))
        return [_order(row) for row in self._connection.execute(query.order_by(table.id).limit(100))]

    def open_blobs(self, node_id: str) -> dict[str, str]:
        """Digest -> project id, of what the node's open jobs name."""
        table = cell_jobs.c
        query = sa.select(table.project_id, table.blobs).where(table.node_id == node_id, table.state.in_(OPEN))
        return {digest: row.project_id for row in self._connection.execute(query) for digest in row.blobs}

    def issue(self, job_id: str, now: datetime, boot: str, envelope: dict[str, Any]) -> None:
        self._change(job_id, {"state": "issued", "issued_at": now, "boot": boot, "envelope": envelope})

    def end(self, job_id: str, state: str, now: datetime, outcome: dict[str, Any]) -> bool:
        """Once: False when it had ended."""
        return self._change(job_id, {"state": state, "ended_at": now, **outcome})

    def end_all(self, subject_id: str, now: datetime) -> None:
        """Takes back what is open for a subject."""
        table = cell_jobs.c
        change = cell_jobs.update().where(table.subject_id == subject_id, table.state.in_(OPEN))
        self._connection.execute(change.values(state="lost", ended_at=now))

    def _change(self, job_id: str, values: dict[str, Any]) -> bool:
        table = cell_jobs.c
        change = cell_jobs.update().where(table.id == job_id, table.state.in_(OPEN)).values(**values)
        return self._connection.execute(change).rowcount == 1


def _order(row: Any) -> Order:
    fields: dict[str, Any] = {name: getattr(row, name) for name in Order.__slots__}
    return Order(**fields | {"blobs": tuple(row.blobs)})
