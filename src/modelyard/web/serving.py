"""Endpoints: what answers there, how to call it, trying it, its log; roll back, stop and start."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response

from modelyard.deployment.endpoints.domain import Endpoint
from modelyard.deployment.endpoints.openapi import example_rows
from modelyard.deployment.endpoints.schemas import EndpointBody
from modelyard.deployment.endpoints.service import EndpointService
from modelyard.deployment.endpoints.snippets import render_snippets
from modelyard.deployment.endpoints.trying import Answer, NodeQuestions, Predictor, read_log
from modelyard.deployment.releases.service import ReleaseService
from modelyard.identity.tokens.service import TokenService
from modelyard.infra.db import UnitOfWork
from modelyard.infra.http.call import Call, Paged, require
from modelyard.kernel.access import Permission
from modelyard.kernel.errors import Invalid, PlatformError
from modelyard.kernel.paging import PageRequest
from modelyard.web.rendering import Pages, done
from modelyard.web.versions import read_rows

LOG_LINES = 100
RELEASES_SHOWN = 10
TONES = {"live": "good", "preparing": "busy", "failed": "bad", "stopped": "idle", "empty": "idle"}
Why = Annotated[str, Form(max_length=2000)]
Reader = Annotated[Call, require(Permission.ENDPOINT_READ)]
Manager = Annotated[Call, require(Permission.ENDPOINT_MANAGE)]


class EndpointPages:
    """What the routes share: the parts of an endpoint's page."""

    def __init__(
        self, pages: Pages, endpoints: EndpointService, releases: ReleaseService, tokens: TokenService,
        predictor: Predictor, nodes: NodeQuestions, public_url: str,
    ) -> None:  # fmt: skip
        self.pages = pages
        self.endpoints = endpoints
        self.releases = releases
        self.tokens = tokens
        self.predictor = predictor
        self._nodes = nodes
        self._public_url = public_url.rstrip("/")

    def show(
        self, call: Call, project: str, name: str, asked: str = "", answer: Answer | None = None,
        problem: PlatformError | None = None,
    ) -> Response:  # fmt: skip
        """The page, with the answer of a try, or with why there is none."""

        def read(uow: UnitOfWork) -> tuple[Endpoint, EndpointBody, list[dict[str, Any]], Any]:
            found = self.endpoints.get(uow, call.access, project, name)
            body = EndpointBody.of(found, self.endpoints.reports(uow, found.project_id, [found]).get(found.id))
            rows = example_rows(self.endpoints.live_version(uow, found)) if found.live_version_id else []
            listed = self.releases.list_releases(
                uow,
                call.access.also(Permission.RELEASE_READ),
                PageRequest(RELEASES_SHOWN),
                project=project,
                endpoint=name,
            )
            return found, body, rows, listed.items

        found, body, rows, releases = call.read(read)
        url = self._public_url + found.path
        return self.pages.show(
            call, "endpoint.html", 422 if problem else 200, here="Endpoints", project=project, endpoint=body,
            url=url, tones=TONES,
            snippets=render_snippets(url, rows) if rows else [], releases=releases, log=self._log(found),
            asked=asked or json.dumps(rows[:1], indent=1), answer=answer, problem=problem,
            answer_text=json.dumps(answer.body, indent=1) if answer else "",
            may_try=call.access.may(Permission.ENDPOINT_TRY, found.project_id),
            may_manage=call.access.may(Permission.ENDPOINT_MANAGE, found.project_id),
            crumbs=[("Endpoints", f"/ui/p/{project}/endpoints")],
            command=f"modelyard predict {name} @row.json --project {project}",
        )  # fmt: skip

    def _log(self, endpoint: Endpoint) -> list[str]:
        """The page is more than its log: no node to ask leaves it empty."""
        try:
            return read_log(self._nodes, endpoint.live_version_id, LOG_LINES) if endpoint.live_version_id else []
        except PlatformError:
            return []


def router(parts: EndpointPages) -> APIRouter:
    routes = APIRouter(include_in_schema=False, prefix="/ui/p/{project}/endpoints")

    @routes.get("")
    def endpoints_page(call: Reader, project: str, page: Paged) -> Response:
        def read(uow: UnitOfWork) -> tuple[list[EndpointBody], str | None]:
            found = parts.endpoints.list_endpoints(uow, call.access, project, page)
            project_id = found.items[0].project_id if found.items else ""
            reports = parts.endpoints.reports(uow, project_id, found.items) if found.items else {}
            return [EndpointBody.of(one, reports.get(one.id)) for one in found.items], found.next_cursor

        found, next_cursor = call.read(read)
        return parts.pages.show(
            call, "endpoints.html", here="Endpoints", project=project, next_cursor=next_cursor, tones=TONES,
            endpoints=found, command=f"modelyard endpoints --project {project}",
        )  # fmt: skip

    @routes.get("/{endpoint}")
    def endpoint_page(call: Reader, project: str, endpoint: str) -> Response:
        return parts.show(call, project, endpoint)

    @routes.post("/{endpoint}/try")
    def try_endpoint(
        call: Annotated[Call, require(Permission.ENDPOINT_TRY)], project: str, endpoint: str,
        rows: Annotated[str, Form(max_length=1_000_000)],
    ) -> Response:  # fmt: skip
        found = call.read(lambda uow: parts.endpoints.get(uow, call.access, project, endpoint))
        try:
            given = read_rows(rows)
        except Invalid as problem:
            return parts.show(call, project, endpoint, rows, problem=problem)
        token = call.write(lambda uow: parts.tokens.create_prediction_token(uow, call.access, project), keyed=False)
        answer = parts.predictor.predict(found.path, given, parts.tokens.text_of(token))
        return parts.show(call, project, endpoint, rows, answer)

    @routes.post("/{endpoint}/rollback")
    def roll_back(call: Manager, project: str, endpoint: str, why: Why = "") -> Response:
        back = call.write(
            lambda uow: parts.releases.roll_back(uow, call.access, project, endpoint, None, why), keyed=False
        )
        return done(f"/ui/p/{project}/endpoints/{endpoint}", f"Rolling back to {back.model} {back.version}.")

    @routes.post("/{endpoint}/stop")
    def stop(call: Manager, project: str, endpoint: str, why: Why = "") -> Response:
        return set_stopped(call, project, endpoint, why, stopped=True)

    @routes.post("/{endpoint}/start")
    def start(call: Manager, project: str, endpoint: str, why: Why = "") -> Response:
        return set_stopped(call, project, endpoint, why, stopped=False)

    def set_stopped(call: Call, project: str, endpoint: str, why: str, *, stopped: bool) -> Response:
        call.write(
            lambda uow: parts.endpoints.set_stopped(uow, call.access, project, endpoint, stopped=stopped, why=why),
            keyed=False,
        )
        said = "Stopped: nothing answers here any more." if stopped else "Started."
        return done(f"/ui/p/{project}/endpoints/{endpoint}", said)

    return routes
