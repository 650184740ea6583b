"""What a node asks and tells: orders by long poll, log lines, results, answers, files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from modelyard.builds.cells.errors import BodyTooLarge
from modelyard.builds.cells.queries import ANSWER_BYTES_MAX, NodeQueries
from modelyard.builds.cells.service import CellService
from modelyard.contracts.cell_job import RESULT_BYTES_MAX
from modelyard.infra.http.call import Call
from modelyard.infra.http.downloads import download
from modelyard.infra.http.node_call import node_call
from modelyard.infra.http.waiting import wait_for_news
from modelyard.kernel.errors import Invalid
from modelyard.registry.artifacts.errors import ArtifactNotFound
from modelyard.registry.artifacts.service import ArtifactService, check_digest

LOG_BODY_BYTES_MAX = 4 * 1024 * 1024
LOOK_S = 2.0
WAIT_S_MAX = 60.0

Node = Annotated[Call, node_call()]
# The project in which a node's desired state names a file; None when it does not.
FindBlobProject = Callable[[str, str], str | None]


def router(
    cells: CellService, queries: NodeQueries, artifacts: ArtifactService, find_in_desired_state: FindBlobProject
) -> APIRouter:
    """`find_in_desired_state(node_id, digest)`: `desired_blobs.DesiredBlobs.find`, fed by deployment."""
    routes = APIRouter(prefix="/node/v1", include_in_schema=False)
    _add_orders(routes, cells, queries)
    _add_answers(routes, cells, queries)

    @routes.get("/blobs/{digest}")
    def get_blob(call: Node, digest: str) -> StreamingResponse:
        """Only what the node needs: files that its open jobs or its desired state name."""
        check_digest(digest)
        node_id = call.principal.id

        project_id = call.read(lambda uow: cells.project_of_blob(uow, node_id, digest))
        project_id = project_id or find_in_desired_state(node_id, digest)
        if project_id is None:
            raise ArtifactNotFound(digest=digest)
        artifact, pieces = artifacts.open(project_id, digest)
        return download(artifact.digest, artifact.size_bytes, pieces)

    return routes


def _add_orders(routes: APIRouter, cells: CellService, queries: NodeQueries) -> None:
    @routes.get("/orders")
    async def get_orders(
        call: Node,
        wait_s: Annotated[float, Query(ge=0, le=WAIT_S_MAX)] = 25.0,
        boot: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        node_id = call.principal.id
        cells.note_boot(node_id, boot)

        def look() -> dict[str, Any] | None:
            if cells.is_superseded(node_id, boot):
                return {"jobs": [], "queries": []}
            jobs, asked = cells.take_orders(node_id, boot), queries.take(node_id)
            return {"jobs": jobs, "queries": asked} if jobs or asked else None

        orders = await wait_for_news(cells.bell, look, wait_s=wait_s, look_every_s=LOOK_S)
        return Response(status_code=204) if orders is None else JSONResponse(orders)


def _add_answers(routes: APIRouter, cells: CellService, queries: NodeQueries) -> None:
    @routes.post("/jobs/{job_id}/log", status_code=204)
    async def post_log(call: Node, request: Request, job_id: str) -> Response:
        value = await _json_body(request, LOG_BODY_BYTES_MAX)
        lines = value.get("lines")
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise Invalid(field="lines", got=type(lines).__name__, expected="a list of strings")
        node_id = call.principal.id
        await run_in_threadpool(call.write, lambda uow: cells.take_log(uow, node_id, job_id, lines))
        return Response(status_code=204)

    @routes.post("/jobs/{job_id}/result")
    async def post_result(call: Node, request: Request, job_id: str) -> dict[str, bool]:
        body = await _bounded_body(request, RESULT_BYTES_MAX)
        node_id = call.principal.id
        counts = await run_in_threadpool(call.write, lambda uow: cells.take_result(uow, node_id, job_id, body))
        return {"accepted": counts}

    @routes.post("/queries/{query_id}", status_code=204)
    async def post_answer(call: Node, request: Request, query_id: str) -> Response:
        queries.answer(call.principal.id, query_id, await _json_body(request, ANSWER_BYTES_MAX))
        return Response(status_code=204)


async def _bounded_body(request: Request, size_bytes_max: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > size_bytes_max:
            raise BodyTooLarge(size_bytes_max=size_bytes_max)
    return bytes(body)


async def _json_body(request: Request, size_bytes_max: int) -> dict[str, Any]:
    body = await _bounded_body(request, size_bytes_max)
    try:
        value = await asyncio.to_thread(json.loads, body)
    except (ValueError, RecursionError) as cause:
        raise Invalid(field="body", got="what is no JSON", expected="an object") from cause
    if not isinstance(value, dict):
        raise Invalid(field="body", got=type(value).__name__, expected="an object")
    return value
