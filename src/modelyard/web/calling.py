"""The callers page: who may call what, why, until when; allow, deny, make and revoke tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from modelyard.identity.pairings.service import PairingService
from modelyard.identity.projects.service import ProjectService
from modelyard.identity.tokens.domain import days_left, expiry_warning
from modelyard.identity.tokens.service import TokenService
from modelyard.infra.http.call import Call, Paged, require
from modelyard.kernel.access import Permission
from modelyard.web.rendering import Pages, done

Short = Annotated[str, Form(max_length=200)]


def router(pages: Pages, projects: ProjectService, pairings: PairingService, tokens: TokenService) -> APIRouter:
    routes = APIRouter(include_in_schema=False, prefix="/ui/p/{project}/callers")

    def show(call: Call, project: str, page: Paged, issued: str = "", issued_for: str = "") -> Response:
        opened = call.read(lambda uow: projects.open(uow, call.access, project))
        found, expiries = call.read(lambda uow: pairings.list_pairings(uow, call.access, project, None, page))
        may_manage = call.access.may(Permission.PAIRING_MANAGE, opened.id)
        listed = None
        if may_manage:
            listed = call.read(lambda uow: tokens.list_tokens(uow, call.access, project, None, page))
        now = call.clock.now()
        issued_before = listed.items if listed else ()
        return pages.show(
            call, "callers.html", here="Callers", project=project, pairings=found.items, next_cursor=found.next_cursor,
            expiries=expiries, may_manage=may_manage, issued=issued, issued_for=issued_for,
            tokens=[(token, days_left(token, now), expiry_warning(token, now)) for token in issued_before],
            command=f"modelyard allow CALLER ENDPOINT --purpose WHY --project {project}",
        )  # fmt: skip

    @routes.get("")
    def callers_page(call: Annotated[Call, require(Permission.PAIRING_READ)], project: str, page: Paged) -> Response:
        return show(call, project, page)

    @routes.post("/allow")
    def allow(
        call: Annotated[Call, require(Permission.PAIRING_MANAGE)], project: str, caller: Short, endpoint: Short,
        purpose: Annotated[str, Form(max_length=1000)],
    ) -> Response:  # fmt: skip
        call.write(lambda uow: pairings.allow(uow, call.access, project, caller, endpoint, purpose), keyed=False)
        return done(f"/ui/p/{project}/callers", f"{caller} may call {endpoint}.")

    @routes.post("/{pairing_id}/deny")
    def deny(call: Annotated[Call, require(Permission.PAIRING_MANAGE)], project: str, pairing_id: str) -> Response:
        ended = call.write(lambda uow: pairings.deny(uow, call.access, project, pairing_id), keyed=False)
        return done(f"/ui/p/{project}/callers", f"{ended.caller} may no longer call {ended.endpoint}.")

    @routes.post("/tokens")
    def make_token(
        call: Annotated[Call, require(Permission.PAIRING_MANAGE)], project: str, caller: Short, page: Paged,
        days: Annotated[int, Form()] = 30,
    ) -> Response:  # fmt: skip
        token = call.write(lambda uow: tokens.create(uow, call.access, project, caller, "", days), keyed=False)
        return show(call, project, page, issued=tokens.text_of(token), issued_for=caller)

    @routes.post("/tokens/{token_id}/revoke")
    def revoke(call: Annotated[Call, require(Permission.PAIRING_MANAGE)], project: str, token_id: str) -> Response:
        token = call.write(lambda uow: tokens.revoke(uow, call.access, project, token_id), keyed=False)
        return done(f"/ui/p/{project}/callers", f"A token of {token.principal_name} is revoked.")

    return routes
