"""Routes of builds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse

from modelyard.builds.builds.schemas import BuildBody, BuildList, BuildSummaryBody, EventBody, EventList, NewBuild
from modelyard.builds.builds.service import BuildService
from modelyard.infra.db.database import Database, UnitOfWork
from modelyard.infra.http.call import Call, Number, Paged, require
from modelyard.infra.http.sse import Frame, event_stream
from modelyard.infra.http.waiting import Bell
from modelyard.kernel.access import Permission
from modelyard.kernel.clock import to_rfc3339

Pusher = Annotated[Call, require(Permission.MODEL_PUSH)]
Reader = Annotated[Call, require(Permission.BUILD_READ)]
Runner = Annotated[Call, require(Permission.BUILD_RUN)]
_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}, "application/json": {}}}}


def router(builds: BuildService, database: Database, bell: Bell) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["builds"])

    @routes.post("/projects/{project}/builds", status_code=202, summary="Build a version from files or a Git commit")
    def start_build(call: Pusher, project: str, body: NewBuild) -> BuildBody:
        source = body.source.to_source(body.relock)
        return call.write(lambda uow: BuildBody.of_view(builds.start(uow, call.access, project, source)), status=202)

    @routes.get("/projects/{project}/builds", summary="Builds, newest first")
    def list_builds(call: Reader, project: str, page: Paged) -> BuildList:
        name, found = call.read(lambda uow: builds.list_builds(uow, call.access, project, page))
        return BuildList(items=[BuildSummaryBody.of(build, name) for build in found.items], next=found.next_cursor)

    @routes.get("/builds/{number}", summary="One build with its steps")
    def get_build(call: Reader, number: Number) -> BuildBody:
        return call.read(lambda uow: BuildBody.of_view(builds.get_build(uow, call.access, number)))

    @routes.post("/builds/{number}/cancel", summary="End a build now")
    def cancel_build(call: Runner, number: Number) -> BuildBody:
        return call.write(lambda uow: BuildBody.of_view(builds.cancel(uow, call.access, number)))

    @routes.post("/builds/{number}/retry", status_code=202, summary="Go on at the step that failed")
    def retry_build(call: Runner, number: Number) -> BuildBody:
        return call.write(lambda uow: BuildBody.of_view(builds.retry(uow, call.access, number)), status=202)

    _add_events(routes, builds, database, bell)
    return routes


def _add_events(routes: APIRouter, builds: BuildService, database: Database, bell: Bell) -> None:
    @routes.get(
        "/builds/{number}/events",
        summary="Steps and log lines as they come (server-sent events), or what there is so far (JSON)",
        response_model=None,
        responses=_STREAM,
    )
    def get_events(
        call: Reader,
        number: Number,
        after: Annotated[int, Query(ge=0, le=2**31 - 1, description="The last event seen.")] = 0,
        format: Literal["sse", "json"] = "sse",
        last_event_id: Annotated[str, Header(max_length=20)] = "",
    ) -> Response:
        build = call.read(lambda uow: builds.get_build(uow, call.access, number)).build
        if last_event_id.isdecimal():
            after = max(after, min(int(last_event_id), 2**31 - 1))

        def read_after(last: int) -> tuple[list[Frame], bool]:
            with database.reading() as uow:
                events, ended = builds.read_events(uow, build, last)
            frames = [Frame(event.seq, event.kind, {**event.data, "at": to_rfc3339(event.at)}) for event in events]
            return frames, ended

        if format == "json":

            def read(uow: UnitOfWork) -> EventList:
                events, ended = builds.read_events(uow, build, after)
                return EventList(items=[EventBody.of(event) for event in events], ended=ended)

            return JSONResponse(call.read(read).model_dump())
        return event_stream(read_after, after, bell)
