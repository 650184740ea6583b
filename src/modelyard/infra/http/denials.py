"""Refusals in the audit trail: written after the refused call's own transaction has ended."""

from __future__ import annotations

import logging

from fastapi import Request

from modelyard.infra.http.call import Call, HttpKit
from modelyard.kernel.access import Principal
from modelyard.kernel.events import Event

log = logging.getLogger(__name__)


def store_denials(request: Request) -> None:
    """Stores the event that a refused call left on its request, in a transaction of its own. Never raises: the answer
    to the caller is a refusal either way, and a full disk must not turn it into an error of ours."""
    event: Event | None = getattr(request.state, "denied", None)
    principal: Principal | None = getattr(request.state, "denied_principal", None)
    if event is None or principal is None:
        return
    request.state.denied = None
    kit: HttpKit = request.app.state.kit
    call = Call(kit, request, principal, None)
    try:
        with kit.database.transaction(principal, request_id=call.request_id, source=call.source) as uow:
            uow.record(event)
    except Exception:
        log.exception("a refusal could not be recorded, request %s", call.request_id)
