"""The audit page: who did what, where, why and when; filters, integrity, export."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from modelyard.governance.audit.domain import AuditFilter
from modelyard.governance.audit.service import AuditTrail
from modelyard.infra.http.call import Call, Paged, require
from modelyard.kernel.access import Permission
from modelyard.kernel.clock import from_rfc3339
from modelyard.kernel.errors import Invalid
from modelyard.web.rendering import Pages

Text = Annotated[str, Query(max_length=200)]


def router(pages: Pages, audit: AuditTrail) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/ui/audit")
    def audit_page(
        call: Annotated[Call, require(Permission.AUDIT_READ)], request: Request, page: Paged, actor: Text = "",
        action: Text = "", target: Text = "", project: Text = "", outcome: Text = "", since: Text = "",
    ) -> HTMLResponse:  # fmt: skip
        wanted = AuditFilter(actor, action, target, project, outcome, _day(since))
        found = call.read(lambda uow: audit.list_records(uow, call.access, wanted, page))
        asked = {"actor": actor, "action": action, "target": target, "project": project, "outcome": outcome}
        return pages.show(
            call,
            "audit.html",
            here="Audit",
            records=found.items,
            next_cursor=found.next_cursor,
            asked={**asked, "since": since},
            query="&".join(f"{name}={value}" for name, value in asked.items() if value),
            command="modelyard audit",
        )

    return routes


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return from_rfc3339(text if "T" in text else f"{text}T00:00:00Z")
    except ValueError:
        raise Invalid(field="since", got=repr(text), expected="a day such as 2026-11-23") from None
