"""Routes of models, versions, aliases and diffs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse

from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.http.call import Call, Paged, require
from modelyard.infra.http.conditions import check_if_match, set_etag
from modelyard.infra.http.downloads import download
from modelyard.kernel.access import Permission
from modelyard.registry.models.domain import Version, VersionFile
from modelyard.registry.models.schemas import (
    AliasBody,
    AliasTarget,
    DiffBody,
    ModelBody,
    ModelList,
    VersionBody,
    VersionList,
    VersionSummaryBody,
)
from modelyard.registry.models.service import ModelService

Reader = Annotated[Call, require(Permission.MODEL_READ)]
Mover = Annotated[Call, require(Permission.ALIAS_WRITE)]
Reference = Annotated[str, Query(max_length=100, description="A number, @alias or latest.")]


def router(models: ModelService) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/projects/{project}/models", tags=["models"])
    _add_reading(routes, models)
    _add_aliases(routes, models)
    return routes


def _add_reading(routes: APIRouter, models: ModelService) -> None:
    @routes.get("", summary="Models of a project")
    def list_models(
        call: Reader,
        project: str,
        page: Paged,
        q: Annotated[str, Query(max_length=200, description="Words that must all occur.")] = "",
    ) -> ModelList:
        found = call.read(lambda uow: models.list_models(uow, call.access, project, q, page))
        return ModelList(items=[ModelBody.of(one) for one in found.items], next=found.next_cursor)

    @routes.get("/{model}", summary="One model")
    def get_model(call: Reader, project: str, model: str) -> ModelBody:
        return ModelBody.of(call.read(lambda uow: models.get_model(uow, call.access, project, model)))

    @routes.get("/{model}/versions", summary="Versions, newest first")
    def list_versions(call: Reader, project: str, model: str, page: Paged) -> VersionList:
        found = call.read(lambda uow: models.list_versions(uow, call.access, project, model, page))
        return VersionList(items=[VersionSummaryBody.of(one) for one in found.items], next=found.next_cursor)

    @routes.get("/{model}/versions/{version}", summary="One version with all that is known about it")
    def get_version(call: Reader, project: str, model: str, version: str) -> VersionBody:
        def read(uow: UnitOfWork) -> VersionBody:
            found = models.get_version(uow, call.access, project, model, version)
            return VersionBody.of_version(found, models.list_files(uow, found))

        return call.read(read)

    @routes.get(
        "/{model}/versions/{version}/files/{path:path}",
        summary="Download a file of a version",
        response_class=StreamingResponse,
        responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
    )
    def get_file(call: Reader, project: str, model: str, version: str, path: str) -> StreamingResponse:
        def read(uow: UnitOfWork) -> tuple[Version, VersionFile]:
            found = models.get_version(uow, call.access, project, model, version)
            return found, models.find_file(uow, found, path)

        found, file = call.read(read)
        artifact, pieces = models.open_file(found, file)
        return download(artifact.digest, artifact.size_bytes, pieces, path.rpartition("/")[2])

    @routes.get("/{model}/diff", summary="What changed between two versions")
    def get_diff(call: Reader, project: str, model: str, a: Reference, b: Reference) -> DiffBody:
        return DiffBody.of(call.read(lambda uow: models.diff(uow, call.access, project, model, a, b)))


def _add_aliases(routes: APIRouter, models: ModelService) -> None:
    @routes.get("/{model}/aliases/{alias}", summary="Where an alias points")
    def get_alias(call: Reader, response: Response, project: str, model: str, alias: str) -> AliasBody:
        found = call.read(lambda uow: models.get_alias(uow, call.access, project, model, alias))
        set_etag(response, found.revision)
        return AliasBody.of(found)

    @routes.put("/{model}/aliases/{alias}", summary="Point an alias at a version; If-Match guards against another hand")
    def put_alias(
        call: Mover, response: Response, project: str, model: str, alias: str, body: AliasTarget
    ) -> AliasBody:
        def write(uow: UnitOfWork) -> AliasBody:
            found = models.set_alias(
                uow,
                call.access,
                project,
                model,
                alias,
                body.version,
                lambda revision: check_if_match(call.request, revision, f"alias {alias}"),
            )
            return AliasBody.of(found)

        answer = call.write(write)
        if not isinstance(answer, JSONResponse):
            set_etag(response, answer.revision)
        return answer

    @routes.delete("/{model}/aliases/{alias}", status_code=204, summary="Remove an alias")
    def delete_alias(call: Mover, project: str, model: str, alias: str) -> Response:
        def write(uow: UnitOfWork) -> None:
            models.remove_alias(
                uow,
                call.access,
                project,
                model,
                alias,
                lambda revision: check_if_match(call.request, revision, f"alias {alias}"),
            )

        call.write(write, status=204)
        return Response(status_code=204)
