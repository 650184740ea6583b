"""The route of previews."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from modelyard.deployment.previews.schemas import NewPreview, PreviewBody
from modelyard.deployment.previews.service import PreviewService
from modelyard.infra.db import UnitOfWork
from modelyard.infra.http.call import Call, require
from modelyard.kernel.access import Permission


def router(previews: PreviewService) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["previews"])

    @routes.post(
        "/projects/{project}/models/{model}/versions/{version}/preview",
        status_code=201,
        summary="Leave to call a version that nobody approved yet, as oneself, for a while",
    )
    def grant_preview(
        call: Annotated[Call, require(Permission.VERSION_PREVIEW)],
        project: str,
        model: str,
        version: str,
        body: NewPreview | None = None,
    ) -> PreviewBody:
        minutes = (body or NewPreview()).minutes

        def work(uow: UnitOfWork) -> PreviewBody:
            preview = previews.grant(uow, call.access, project, model, version, minutes)
            return PreviewBody(path=preview.path, expires_at=preview.expires_at)

        return call.write(work, status=201)

    return routes
