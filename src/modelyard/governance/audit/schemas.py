"""Bodies of the audit routes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from modelyard.governance.audit.domain import AuditRecord, Integrity


class AuditRecordBody(BaseModel):
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
    hash: str

    @classmethod
    def of(cls, record: AuditRecord) -> AuditRecordBody:
        return cls(**record.to_json())


class AuditPageBody(BaseModel):
    items: list[AuditRecordBody]
    next: str | None


class IntegrityBody(BaseModel):
    events: int
    head_hash: str
    intact: bool
    first_bad_seq: int | None

    @classmethod
    def of(cls, found: Integrity) -> IntegrityBody:
        return cls(
            events=found.events, head_hash=found.head_hash, intact=found.intact, first_bad_seq=found.first_bad_seq
        )
