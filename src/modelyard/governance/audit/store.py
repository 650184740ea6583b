"""The only SQL of the audit trail. It appends and reads; there is no method that changes or removes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa

from modelyard.governance.audit.domain import GENESIS_HASH, AuditFilter, AuditRecord
from modelyard.governance.audit.tables import audit_events, audit_head
from modelyard.infra.db import UnitOfWork
from modelyard.kernel.errors import Invalid
from modelyard.kernel.paging import Page, PageRequest, page_of

HEAD_ID = 1
EXPORT_BATCH = 500


def lock_head(uow: UnitOfWork) -> tuple[int, str]:
    """Sequence number and hash of the last record; other writers wait until this transaction ends."""
    query = sa.select(audit_head.c.seq, audit_head.c.hash).where(audit_head.c.id == HEAD_ID).with_for_update()
    row = uow.connection.execute(query).one_or_none()
    if row is not None:
        return row.seq, row.hash
    _insert_first_head(uow)
    row = uow.connection.execute(query).one()
    return row.seq, row.hash


def find_head(uow: UnitOfWork) -> tuple[int, str]:
    """The same without a lock; 0 and the genesis hash for an empty trail."""
    query = sa.select(audit_head.c.seq, audit_head.c.hash).where(audit_head.c.id == HEAD_ID)
    row = uow.connection.execute(query).one_or_none()
    return (row.seq, row.hash) if row else (0, GENESIS_HASH)


def _insert_first_head(uow: UnitOfWork) -> None:
    statement = "INSERT INTO audit_head (id, seq, hash) VALUES (:id, 0, :hash) ON CONFLICT DO NOTHING"
    uow.connection.execute(sa.text(statement), {"id": HEAD_ID, "hash": GENESIS_HASH})


def append(uow: UnitOfWork, records: list[AuditRecord]) -> None:
    """Writes records that follow the locked head, and moves it."""
    rows = [{name: getattr(record, name) for name in AuditRecord.__slots__} for record in records]
    uow.connection.execute(audit_events.insert(), rows)
    last = records[-1]
    uow.connection.execute(audit_head.update().where(audit_head.c.id == HEAD_ID).values(seq=last.seq, hash=last.hash))


def list_records(
    uow: UnitOfWork, projects: Collection[str] | None, wanted: AuditFilter, page: PageRequest
) -> Page[AuditRecord]:
    """Newest first. `projects` are the ids to show records of; None means all, with those of no project."""
    query = _matching(projects, wanted).order_by(audit_events.c.seq.desc()).limit(page.limit + 1)
    if page.after is not None:
        query = query.where(audit_events.c.seq < _seq(page.after))
    rows = [_record(row) for row in uow.connection.execute(query)]
    return page_of(rows, page, lambda record: (record.seq,))


def _seq(after: tuple[Any, ...]) -> int:
    if len(after) != 1 or type(after[0]) is not int or not 0 <= after[0] < 2**63:
        raise Invalid(field="cursor", got="the cursor of another list", expected="the `next` of an earlier page")
    return int(after[0])


def read_batch_after(
    uow: UnitOfWork, projects: Collection[str] | None, wanted: AuditFilter, after_seq: int
) -> list[AuditRecord]:
    """Oldest first, for exports and the integrity check: at most EXPORT_BATCH records after that one."""
    query = _matching(projects, wanted).where(audit_events.c.seq > after_seq)
    rows = uow.connection.execute(query.order_by(audit_events.c.seq).limit(EXPORT_BATCH))
    return [_record(row) for row in rows]


def read_all(uow: UnitOfWork) -> Iterator[AuditRecord]:
    after_seq = 0
    while batch := read_batch_after(uow, None, AuditFilter(), after_seq):
        yield from batch
        after_seq = batch[-1].seq


def _matching(projects: Collection[str] | None, wanted: AuditFilter) -> sa.Select[tuple[object, ...]]:
    column = audit_events.c
    query = sa.select(audit_events)
    if projects is not None:
        query = query.where(column.project_id.in_(sorted(projects)))
    for name, value in (("target", wanted.target), ("project", wanted.project), ("outcome", wanted.outcome)):
        if value:
            query = query.where(column[name] == value)
    if wanted.actor:
        query = query.where(sa.or_(column.principal_name == wanted.actor, column.principal_id == wanted.actor))
    if wanted.action:
        query = query.where(column.action.startswith(wanted.action, autoescape=True))
    if wanted.since:
        query = query.where(column.at >= wanted.since)
    if wanted.until:
        query = query.where(column.at < wanted.until)
    return query


def _record(row: sa.Row[tuple[object, ...]]) -> AuditRecord:
    return AuditRecord(**row._mapping)
