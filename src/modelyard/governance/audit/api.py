"""Routes of the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from modelyard.governance.audit.domain import AuditFilter
from modelyard.governance.audit.schemas import AuditPageBody, AuditRecordBody, IntegrityBody
from modelyard.governance.audit.service import AuditTrail, ExportFormat
from modelyard.infra.db import Database
from modelyard.infra.http.call import Call, Paged, require
from modelyard.kernel.access import Permission
from modelyard.kernel.errors import Invalid

_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/jsonl": {"schema": {"type": "string"}}, "text/csv": {"schema": {"type": "string"}}}}
}
_MEDIA_TYPES: dict[ExportFormat, str] = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}


def _filter(
    actor: Annotated[str, Query(max_length=80, description="Name or id of who did it.")] = "",
    action: Annotated[str, Query(max_length=80, description="An action or its beginning.")] = "",
    target: Annotated[str, Query(max_length=400, description="Such as `release:3`.")] = "",
    project: Annotated[str, Query(max_length=64)] = "",
    outcome: Annotated[str, Query(pattern="^(|success|denied|failure)$")] = "",
    since: Annotated[datetime | None, Query(description="Inclusive; UTC where no offset is given.")] = None,
    until: Annotated[datetime | None, Query(description="Exclusive; UTC where no offset is given.")] = None,
) -> AuditFilter:
    return AuditFilter(actor, action, target, project, outcome, _utc("since", since), _utc("until", until))


def _utc(field: str, moment: datetime | None) -> datetime | None:
    """Raises Invalid for a moment that has no UTC: year 1 with an offset lies before the calendar."""
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise Invalid(field=field, got=moment.isoformat(), expected="a time between the years 1 and 9999") from None


Filtered = Annotated[AuditFilter, Depends(_filter)]
AuditCall = Annotated[Call, require(Permission.AUDIT_READ)]


def router(trail: AuditTrail, database: Database) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/audit", tags=["governance"])

    @routes.get("", summary="List audit events, newest first")
    def list_audit_events(call: AuditCall, wanted: Filtered, page: Paged) -> AuditPageBody:
        found = call.read(lambda uow: trail.list_records(uow, call.access, wanted, page))
        return AuditPageBody(items=[AuditRecordBody.of(record) for record in found.items], next=found.next_cursor)

    @routes.get(
        "/export",
        summary="Export audit events, oldest first",
        response_class=StreamingResponse,
        responses=_EXPORTED,
    )
    def export_audit_events(call: AuditCall, wanted: Filtered, format: ExportFormat = "jsonl") -> StreamingResponse:
        projects = call.read(lambda _: call.access.visible_projects())
        headers = {"content-disposition": f'attachment; filename="audit.{format}"'}
        return StreamingResponse(
            trail.export(database, projects, wanted, format), media_type=_MEDIA_TYPES[format], headers=headers
        )

    @routes.get("/integrity", summary="Check the chain of the whole trail")
    def check_audit_integrity(call: AuditCall) -> IntegrityBody:
        return IntegrityBody.of(call.read(lambda uow: trail.verify(uow, call.access)))

    return routes
