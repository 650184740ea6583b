"""Models, a model, and what changed between two of its versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response

from modelyard.infra.http.call import Call, Paged, require
from modelyard.kernel.access import Permission
from modelyard.registry.models.domain import Version
from modelyard.registry.models.service import ModelService
from modelyard.web.rendering import Pages, done

Read = Annotated[Call, require(Permission.MODEL_READ)]


def router(pages: Pages, models: ModelService) -> APIRouter:
    routes = APIRouter(include_in_schema=False, prefix="/ui/p/{project}/models")

    @routes.get("")
    def models_page(call: Read, project: str, page: Paged, q: Annotated[str, Query(max_length=200)] = "") -> Response:
        found = call.read(lambda uow: models.list_models(uow, call.access, project, q, page))
        return pages.show(
            call, "models.html", here="Models", project=project, models=found.items, next_cursor=found.next_cursor,
            asked=q, command=f"modelyard models --project {project}",
        )  # fmt: skip

    @routes.get("/{model}")
    def model_page(call: Read, project: str, model: str, page: Paged) -> Response:
        found = call.read(lambda uow: models.get_model(uow, call.access, project, model))
        versions = call.read(lambda uow: models.list_versions(uow, call.access, project, model, page))
        return pages.show(
            call, "model.html", here="Models", project=project, found=found, versions=versions.items,
            next_cursor=versions.next_cursor, metrics=_metric_names(versions.items),
            may_alias=call.access.may(Permission.ALIAS_WRITE, found.model.project_id),
            crumbs=[("Models", f"/ui/p/{project}/models")], command=f"modelyard models {model} --project {project}",
        )  # fmt: skip

    @routes.post("/{model}/aliases")
    def set_alias(
        call: Annotated[Call, require(Permission.ALIAS_WRITE)], project: str, model: str,
        alias: Annotated[str, Form(max_length=200)], version: Annotated[str, Form(max_length=200)],
    ) -> Response:  # fmt: skip
        call.write(
            lambda uow: models.set_alias(uow, call.access, project, model, alias, version, lambda _revision: None),
            keyed=False,
        )
        return done(f"/ui/p/{project}/models/{model}", f"@{alias} is {version}.")

    @routes.get("/{model}/diff")
    def diff_page(
        call: Read, project: str, model: str, a: Annotated[str, Query(max_length=80)],
        b: Annotated[str, Query(max_length=80)],
    ) -> Response:  # fmt: skip
        found = call.read(lambda uow: models.diff(uow, call.access, project, model, a, b))
        return pages.show(
            call, "diff.html", here="Models", project=project, model=model, a=a, b=b, diff=found,
            crumbs=[("Models", f"/ui/p/{project}/models"), (model, f"/ui/p/{project}/models/{model}")],
            command=f"modelyard diff {model}:{a} {model}:{b} --project {project}",
        )  # fmt: skip

    return routes


def _metric_names(versions: tuple[Version, ...]) -> list[str]:
    """The metrics to show as columns: those that most versions have, at most four."""
    names = sorted({name for version in versions for name in version.facts.metrics})
    return sorted(names, key=lambda name: -sum(name in version.facts.metrics for version in versions))[:4]
