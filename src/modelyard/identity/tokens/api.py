"""Routes of tokens.

The answer that Idempotency-Key keeps holds no token: it is signed again from its row, for the first answer as for a
repeated one.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from modelyard.identity.tokens.schemas import (
    IssuedTokenBody,
    NewPredictionToken,
    NewToken,
    PredictionTokenBody,
    TokenBody,
    TokenList,
)
from modelyard.identity.tokens.service import TokenService
from modelyard.infra.http.call import Call, Paged, require
from modelyard.kernel.access import Permission
from modelyard.kernel.clock import to_rfc3339


def router(tokens: TokenService) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["tokens"])

    @routes.get("/projects/{project}/tokens", summary="API tokens of a project")
    def list_tokens(
        call: Annotated[Call, require(Permission.PAIRING_READ)], project: str, page: Paged, principal: str | None = None
    ) -> TokenList:
        """`principal`: a service account's name, or `me`; absent means all."""
        found = call.read(lambda uow: tokens.list_tokens(uow, call.access, project, principal, page))
        now = call.clock.now()
        return TokenList(items=[TokenBody.of(token, now) for token in found.items], next=found.next_cursor)

    @routes.post("/projects/{project}/tokens", status_code=201, summary="Make an API token; it is shown once")
    def create_token(
        call: Annotated[Call, require(Permission.PROJECT_READ)], project: str, body: NewToken
    ) -> IssuedTokenBody:
        kept = call.write(
            lambda uow: TokenBody.of(
                tokens.create(uow, call.access, project, body.principal, body.name, body.days), call.clock.now()
            ),
            status=201,
        )
        answer = _fields(kept)
        text = call.read(lambda uow: tokens.text_again(uow, call.access, project, answer["jti"]))
        return IssuedTokenBody(**answer, token=text)

    @routes.delete("/projects/{project}/tokens/{jti}", summary="Revoke a token, everywhere within a second")
    def revoke_token(call: Annotated[Call, require(Permission.PROJECT_READ)], project: str, jti: str) -> TokenBody:
        token = call.write(lambda uow: tokens.revoke(uow, call.access, project, jti))
        return TokenBody.of(token, call.clock.now())

    @routes.post("/prediction-tokens", status_code=201, summary="Five minutes of calling endpoints as oneself")
    def create_prediction_token(
        call: Annotated[Call, require(Permission.ENDPOINT_TRY)], body: NewPredictionToken
    ) -> PredictionTokenBody:
        token = call.write(
            lambda uow: tokens.create_prediction_token(uow, call.access, body.project), status=201, keyed=False
        )
        return PredictionTokenBody(token=tokens.text_of(token), expires_at=to_rfc3339(token.expires_at))

    return routes


def _fields(kept: TokenBody | JSONResponse) -> dict[str, Any]:
    """The kept answer, fresh or replayed."""
    if isinstance(kept, JSONResponse):
        fields: dict[str, Any] = json.loads(bytes(kept.body))
        return fields
    return kept.model_dump()
