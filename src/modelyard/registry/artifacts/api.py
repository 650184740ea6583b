"""Routes of artifacts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from modelyard.identity.projects.service import ProjectService
from modelyard.infra.http.call import Call, require
from modelyard.infra.http.downloads import download
from modelyard.kernel.access import Permission
from modelyard.registry.artifacts.domain import Artifact
from modelyard.registry.artifacts.schemas import ArtifactBody, DigestsBody, MissingBody
from modelyard.registry.artifacts.service import ArtifactService, check_digest

# Bytes at once from the socket to the chunk writer: one hop to a thread for each.
_PIECE_BYTES = 1024 * 1024
_RAW: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
_RAW_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def router(artifacts: ArtifactService, projects: ProjectService) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/projects/{project}/blobs", tags=["artifacts"])

    @routes.post("/missing", summary="Which files still have to be sent")
    def list_missing(
        call: Annotated[Call, require(Permission.MODEL_PUSH)], project: str, body: DigestsBody
    ) -> MissingBody:
        return MissingBody(missing=call.read(lambda uow: artifacts.missing(uow, call.access, project, body.digests)))

    @routes.put("/{digest}", summary="Send a file", openapi_extra=_RAW_BODY, status_code=201)
    async def put_blob(
        call: Annotated[Call, require(Permission.MODEL_PUSH)], request: Request, project: str, digest: str
    ) -> ArtifactBody:
        opened = await run_in_threadpool(call.read, lambda uow: projects.open(uow, call.access, project))
        check_digest(digest)
        upload = artifacts.start_upload(
            opened.id, opened.name, by=call.principal, request_id=call.request_id, source=call.source
        )
        try:
            pending = bytearray()
            async for piece in request.stream():
                pending += piece
                if len(pending) >= _PIECE_BYTES:
                    await run_in_threadpool(upload.write, bytes(pending))
                    pending.clear()
            await run_in_threadpool(upload.write, bytes(pending))
        except ClientDisconnect:
            await run_in_threadpool(upload.abort)
            raise
        artifact: Artifact = await run_in_threadpool(upload.finish, digest)
        return ArtifactBody(digest=artifact.digest, size_bytes=artifact.size_bytes)

    @routes.get("/{digest}", summary="Get a file", response_class=StreamingResponse, responses=_RAW)
    def get_blob(call: Annotated[Call, require(Permission.MODEL_READ)], project: str, digest: str) -> StreamingResponse:
        opened = call.read(lambda uow: projects.open(uow, call.access, project))
        check_digest(digest)
        artifact, pieces = artifacts.open(opened.id, digest)
        return download(artifact.digest, artifact.size_bytes, pieces)

    return routes
