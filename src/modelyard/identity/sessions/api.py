"""Routes of sessions. They carry passwords and tokens, so none of them heeds Idempotency-Key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from modelyard.identity.sessions.schemas import Credentials, Me, PasswordChange, SessionBody
from modelyard.identity.sessions.service import SessionService
from modelyard.infra.http.call import Call, authenticated, public
from modelyard.infra.http.openapi import NO_TOKEN


def router(sessions: SessionService) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["sessions"])

    @routes.post("/sessions", status_code=201, summary="Log in", openapi_extra=NO_TOKEN)
    def log_in(
        call: Annotated[Call, public("this is how one stops being anonymous")], body: Credentials
    ) -> SessionBody:
        """401 for a wrong name or password, alike; 429 with Retry-After after five failures."""
        login = sessions.log_in(
            body.user, body.password.get_secret_value(), request_id=call.request_id, source=call.source
        )
        return SessionBody.of(login)

    @routes.delete("/sessions/current", status_code=204, summary="Log out: revoke the token of this call")
    def log_out(call: Annotated[Call, authenticated()]) -> None:
        call.write(lambda uow: sessions.log_out(uow, call.principal), keyed=False)

    @routes.get("/me", summary="Who I am, and my roles")
    def get_me(call: Annotated[Call, authenticated()]) -> Me:
        return call.read(lambda uow: Me.of(sessions.whoami(uow, call.principal)))

    @routes.post("/me/password", status_code=204, summary="Change my password; ends my other sessions")
    def change_password(call: Annotated[Call, authenticated()], body: PasswordChange) -> None:
        sessions.change_password(
            call.principal, body.old.get_secret_value(), body.new.get_secret_value(),
            request_id=call.request_id, source=call.source,
        )  # fmt: skip

    return routes
