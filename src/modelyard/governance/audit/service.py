"""Storing and reading the audit trail."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator
from typing import Literal

from modelyard.governance.audit import store
from modelyard.governance.audit.domain import AuditFilter, AuditRecord, ChainCheck, Integrity, Stamp, next_record
from modelyard.infra.db import Database, UnitOfWork
from modelyard.kernel.access import Access
from modelyard.kernel.clock import Clock
from modelyard.kernel.events import Event
from modelyard.kernel.ids import new_id
from modelyard.kernel.paging import Page, PageRequest

ExportFormat = Literal["jsonl", "csv"]
CSV_COLUMNS = (
    "seq", "at", "outcome", "principal_name", "principal_kind", "principal_id", "token_id", "source", "action",
    "target", "target_id", "project", "why", "request_id", "details", "prev_hash", "hash",
)  # fmt: skip
# A cell that begins so is a formula to a spreadsheet.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class AuditTrail:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def store_events(self, uow: UnitOfWork, events: list[Event]) -> None:
        """The sink for `Database.store_events_with`: appends in the change's own transaction."""
        stamp = Stamp(self._clock.now(), uow.by, uow.source, uow.request_id)
        seq, last_hash = store.lock_head(uow)
        records: list[AuditRecord] = []
        for event in events:
            record = next_record(seq + 1, last_hash, new_id("au"), stamp, event)
            seq, last_hash = record.seq, record.hash
            records.append(record)
        store.append(uow, records)

    def list_records(
        self, uow: UnitOfWork, access: Access, wanted: AuditFilter, page: PageRequest
    ) -> Page[AuditRecord]:
        """Of the projects in which the principal may read the trail; everything for auditors and administrators."""
        return store.list_records(uow, access.visible_projects(), wanted, page)

    def verify(self, uow: UnitOfWork, access: Access) -> Integrity:
        """Walks the whole chain. For those who may read all of it."""
        access.check_installation()
        check = ChainCheck()
        for record in store.read_all(uow):
            check.follow(record)
        return check.result(*store.find_head(uow))

    def export(
        self, database: Database, projects: Collection[str] | None, wanted: AuditFilter, kind: ExportFormat
    ) -> Iterator[bytes]:
        """Oldest first, a batch at a time, so that neither memory nor a transaction grows with the trail."""
        if kind == "csv":
            yield _csv_line(CSV_COLUMNS)
        after_seq = 0
        while True:
            with database.reading() as uow:
                batch = store.read_batch_after(uow, projects, wanted, after_seq)
            if not batch:
                return
            yield b"".join(_export_line(record, kind) for record in batch)
            after_seq = batch[-1].seq


def _export_line(record: AuditRecord, kind: ExportFormat) -> bytes:
    value = record.to_json()
    if kind == "jsonl":
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    value["details"] = json.dumps(value["details"], ensure_ascii=False, separators=(",", ":"))
    return _csv_line(tuple(_cell(str(value[name])) for name in CSV_COLUMNS))


def _cell(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def _csv_line(cells: tuple[str, ...]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
