"""Routes of pairings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from modelyard.identity.pairings.schemas import AllowedBody, NewPairing, PairingBody, PairingList
from modelyard.identity.pairings.service import PairingService
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.http.call import Call, Paged, require
from modelyard.kernel.access import Permission


def router(pairings: PairingService) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/projects/{project}/pairings", tags=["pairings"])

    @routes.get("", summary="Who may call what, and why")
    def list_pairings(
        call: Annotated[Call, require(Permission.PAIRING_READ)], project: str, page: Paged, endpoint: str | None = None
    ) -> PairingList:
        found, expiries = call.read(lambda uow: pairings.list_pairings(uow, call.access, project, endpoint, page))
        items = [PairingBody.of(pairing, expiries.get(pairing.caller_id)) for pairing in found.items]
        return PairingList(items=items, next=found.next_cursor)

    @routes.post("", status_code=201, summary="Allow a caller")
    def allow(call: Annotated[Call, require(Permission.PAIRING_MANAGE)], project: str, body: NewPairing) -> AllowedBody:
        def work(uow: UnitOfWork) -> AllowedBody:
            allowed = pairings.allow(
                uow, call.access, project, body.caller, body.endpoint, body.purpose, body.requests_per_s
            )
            return AllowedBody(**PairingBody.of(allowed.pairing).model_dump(), created=allowed.caller_created)

        return call.write(work, status=201)

    @routes.delete("/{pairing_id}", summary="Deny a caller, everywhere within a second")
    def deny(call: Annotated[Call, require(Permission.PAIRING_MANAGE)], project: str, pairing_id: str) -> PairingBody:
        return call.write(lambda uow: PairingBody.of(pairings.deny(uow, call.access, project, pairing_id)))

    return routes
