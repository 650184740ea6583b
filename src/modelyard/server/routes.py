"""Every route of the control plane, one line per slice."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from modelyard.infra.http.call import Call, public
from modelyard.server.wiring import Platform


def add_routes(app: FastAPI, platform: Platform) -> None:
    @app.get("/healthz", tags=["operations"], summary="Whether the process answers")
    def healthz(call: Annotated[Call, public("liveness says nothing but that the process answers")]) -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", tags=["operations"], summary="Whether the control plane and its node are ready")
    def readyz(call: Annotated[Call, public("readiness names parts, nothing of anybody's")]) -> JSONResponse:
        unready = platform.unready_parts()
        return JSONResponse({"ready": not unready, "waiting_for": unready}, 503 if unready else 200)

    for router in platform.routers():
        app.include_router(router)
