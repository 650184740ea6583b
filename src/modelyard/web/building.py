"""Builds: the steps with their durations, the live log, cancel and retry."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response

from modelyard.builds.builds.service import BuildService
from modelyard.infra.http.call import Call, Number, Paged, require
from modelyard.kernel.access import Permission
from modelyard.web.rendering import Pages, done

TONES = {"queued": "busy", "running": "busy", "succeeded": "good", "failed": "bad", "cancelled": "idle",
         "pending": "idle"}  # fmt: skip
Reader = Annotated[Call, require(Permission.BUILD_READ)]
Runner = Annotated[Call, require(Permission.BUILD_RUN)]


def router(pages: Pages, builds: BuildService) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/ui/p/{project}/builds")
    def builds_page(call: Reader, project: str, page: Paged) -> Response:
        _, found = call.read(lambda uow: builds.list_builds(uow, call.access, project, page))
        return pages.show(
            call, "builds.html", here="Builds", project=project, builds=found.items, next_cursor=found.next_cursor,
            tones=TONES, command=f"modelyard builds --project {project}",
        )  # fmt: skip

    @routes.get("/ui/builds/{number}")
    def build_page(call: Reader, number: Number) -> Response:
        view = call.read(lambda uow: builds.get_build(uow, call.access, number))
        events, _ = call.read(lambda uow: builds.read_events(uow, view.build, 0))
        lines = [str(event.data.get("line", "")) for event in events if event.kind == "log"]
        return pages.show(
            call, "build.html", here="Builds", project=view.project, build=view.build, steps=view.steps, lines=lines,
            last=events[-1].seq if events else 0, tones=TONES,
            may_run=call.access.may(Permission.BUILD_RUN, view.build.project_id),
            crumbs=[("Builds", f"/ui/p/{view.project}/builds")], command=f"modelyard builds log {number}",
        )  # fmt: skip

    @routes.post("/ui/builds/{number}/cancel")
    def cancel(call: Runner, number: Number) -> Response:
        call.write(lambda uow: builds.cancel(uow, call.access, number), keyed=False)
        return done(f"/ui/builds/{number}", "Cancelled.")

    @routes.post("/ui/builds/{number}/retry")
    def retry(call: Runner, number: Number) -> Response:
        call.write(lambda uow: builds.retry(uow, call.access, number), keyed=False)
        return done(f"/ui/builds/{number}", "Going on at the step that failed.")

    return routes
