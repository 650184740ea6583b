"""The audit trail's record, its filter, and the chain that shows an edited or missing record."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from modelyard.contracts.canonical import digest_of
from modelyard.kernel.access import Principal
from modelyard.kernel.clock import to_rfc3339
from modelyard.kernel.events import Event

GENESIS_HASH = "sha256:" + "0" * 64
TARGET_LENGTH_MAX = 400


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """`seq` counts from 1 without a gap; `hash` covers every other field and the hash before it."""

    seq: int
    id: str
    at: datetime
    principal_id: str
    principal_kind: str
    principal_name: str
    token_id: str
    source: str
    request_id: str
    action: str
    target: str
    target_id: str
    project_id: str
    project: str
    why: str
    outcome: str
    details: dict[str, Any]
    prev_hash: str
    hash: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "at": to_rfc3339(self.at)}

    def expected_hash(self) -> str:
        """What `hash` must be if no field was touched since it was written."""
        return digest_of({name: value for name, value in self.to_json().items() if name != "hash"})


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Empty fields match everything. `action` is a prefix; `since` is inclusive, `until` exclusive."""

    actor: str = ""
    action: str = ""
    target: str = ""
    project: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Integrity:
    """`first_bad_seq` is the first record that does not follow from the one before it; None when all do."""

    events: int
    head_hash: str
    first_bad_seq: int | None

    @property
    def intact(self) -> bool:
        return self.first_bad_seq is None


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all events of one transaction share."""

    at: datetime
    by: Principal
    source: str
    request_id: str


def next_record(seq: int, prev_hash: str, record_id: str, stamp: Stamp, event: Event) -> AuditRecord:
    """The record that follows. Times are kept to the millisecond, so that the hash survives any database."""
    at = stamp.at.replace(microsecond=stamp.at.microsecond // 1000 * 1000)
    fields: dict[str, Any] = {
        "seq": seq, "id": record_id, "at": at, "principal_id": stamp.by.id, "principal_kind": stamp.by.kind,
        "principal_name": stamp.by.name, "token_id": stamp.by.token_id, "source": stamp.source,
        "request_id": stamp.request_id[:80], "action": event.action, "target": event.target[:TARGET_LENGTH_MAX],
        "target_id": event.target_id[:80], "project_id": event.project_id, "project": event.project,
        "why": event.why, "outcome": event.outcome, "details": event.details, "prev_hash": prev_hash,
    }  # fmt: skip
    record = AuditRecord(**fields)
    return AuditRecord(**fields, hash=record.expected_hash())


class ChainCheck:
    """Walks the records in order and remembers the first that breaks the chain."""

    def __init__(self) -> None:
        self._seq = 0
        self._hash = GENESIS_HASH
        self._first_bad: int | None = None

    def follow(self, record: AuditRecord) -> None:
        follows = record.seq == self._seq + 1 and record.prev_hash == self._hash
        if self._first_bad is None and not (follows and record.hash == record.expected_hash()):
            self._first_bad = min(record.seq, self._seq + 1)
        self._seq, self._hash = record.seq, record.hash

    def result(self, head_seq: int, head_hash: str) -> Integrity:
        """With where the head says that the trail ends: a cut tail is found too."""
        first_bad = self._first_bad
        if first_bad is None and (head_seq, head_hash) != (self._seq, self._hash):
            first_bad = min(self._seq, head_seq) + 1
        return Integrity(self._seq, self._hash, first_bad)
