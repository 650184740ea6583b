"""Every route of the control plane, one line per slice."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Response
from pydantic import BaseModel

from modelyard.infra.http.call import Call, public
from modelyard.infra.http.openapi import NO_TOKEN
from modelyard.server.wiring import Platform


class ReadyBody(BaseModel):
    """`waiting_for` names the parts that are not there yet."""

    ready: bool
    waiting_for: list[str]


def add_routes(app: FastAPI, platform: Platform) -> None:
    @app.get("/healthz", tags=["operations"], summary="Whether the process answers", openapi_extra=NO_TOKEN)
    def healthz(call: Annotated[Call, public("liveness says nothing but that the process answers")]) -> dict[str, str]:
        return {"status": "alive"}

    @app.get(
        "/readyz",
        tags=["operations"],
        summary="Whether the control plane and its node are ready",
        responses={503: {"model": ReadyBody, "description": "Not yet."}},
        openapi_extra=NO_TOKEN,
    )
    def readyz(
        call: Annotated[Call, public("readiness names parts, nothing of anybody's")], response: Response
    ) -> ReadyBody:
        unready = platform.unready_parts()
        response.status_code = 503 if unready else 200
        return ReadyBody(ready=not unready, waiting_for=unready)

    for router in platform.routers():
        app.include_router(router)
