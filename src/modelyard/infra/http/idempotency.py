"""Idempotency-Key: the answer of a creating call is kept, in the call's own transaction, and given again."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa

from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.db.metadata import Digest, Id, Json, Moment, metadata
from modelyard.kernel.errors import ErrorKind, PlatformError

KEEP_DAYS = 2

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("principal_id", Id, primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("request_digest", Digest, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("body", Json, nullable=False),
    sa.Column("created_at", Moment, nullable=False, index=True),
)


class KeyReused(PlatformError):
    kind: ClassVar[ErrorKind] = ErrorKind.CONFLICT
    code: ClassVar[str] = "idempotency.key_reused"
    message: ClassVar[str] = "Idempotency-Key {key!r} was used before with another request."
    hint: ClassVar[str] = "Send a new key for a new request; repeat a key only with the same method, path and body."


def find_answer(uow: UnitOfWork, principal_id: str, key: str, request_digest: str) -> tuple[int, Any] | None:
    """Status and body given before, None for a new key. Raises KeyReused when the request differs."""
    table = idempotency_keys.c
    query = sa.select(table.request_digest, table.status, table.body).where(
        table.principal_id == principal_id, table.key == key
    )
    row = uow.connection.execute(query).one_or_none()
    if row is None:
        return None
    if row.request_digest != request_digest:
        raise KeyReused(key=key)
    return row.status, row.body


def keep_answer(
    uow: UnitOfWork, principal_id: str, key: str, request_digest: str, status: int, body: Any, now: datetime
) -> None:
    """Remembers the answer; it becomes durable with the change itself."""
    values = {
        "principal_id": principal_id,
        "key": key,
        "request_digest": request_digest,
        "status": status,
        "body": body,
    }
    uow.connection.execute(idempotency_keys.insert().values(**values, created_at=now))


def forget_before(uow: UnitOfWork, moment: datetime) -> int:
    """Drops answers older than the moment; returns how many."""
    return uow.connection.execute(idempotency_keys.delete().where(idempotency_keys.c.created_at < moment)).rowcount
