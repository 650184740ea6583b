"""Routes of endpoints."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from modelyard.deployment.endpoints.domain import Endpoint
from modelyard.deployment.endpoints.openapi import endpoint_document, example_rows
from modelyard.deployment.endpoints.schemas import (
    EndpointBody,
    EndpointPageBody,
    LimitsBody,
    LogsBody,
    NewEndpoint,
    SnippetBody,
    SnippetsBody,
    StopBody,
    TryAnswerBody,
    TryBody,
)
from modelyard.deployment.endpoints.service import EndpointService
from modelyard.deployment.endpoints.snippets import render_snippets
from modelyard.deployment.endpoints.trying import LOG_LINES_MAX, NodeQuestions, Predictor, read_log
from modelyard.identity.tokens.service import TokenService
from modelyard.infra.db import UnitOfWork
from modelyard.infra.http.call import Call, Paged, require
from modelyard.infra.http.conditions import check_if_match, set_etag
from modelyard.kernel.access import Permission

Reader = Annotated[Call, require(Permission.ENDPOINT_READ)]
Manager = Annotated[Call, require(Permission.ENDPOINT_MANAGE)]
Caller = Annotated[Call, require(Permission.ENDPOINT_TRY)]
_ONE = "/{endpoint}"


def router(
    endpoints: EndpointService, tokens: TokenService, predictor: Predictor, nodes: NodeQuestions, public_url: str
) -> APIRouter:
    """`public_url` is the gateway's address as callers see it."""
    routes = APIRouter(prefix="/api/v1/projects/{project}/endpoints", tags=["endpoints"])
    _add_reading(routes, endpoints, public_url)
    _add_managing(routes, endpoints)
    _add_data_plane(routes, endpoints, tokens, predictor, nodes)
    return routes


def _body(endpoints: EndpointService, uow: UnitOfWork, endpoint: Endpoint) -> EndpointBody:
    reports = endpoints.reports(uow, endpoint.project_id, [endpoint])
    return EndpointBody.of(endpoint, reports.get(endpoint.id))


def _add_reading(routes: APIRouter, endpoints: EndpointService, public_url: str) -> None:
    @routes.get("", summary="Endpoints of a project")
    def list_endpoints(call: Reader, project: str, page: Paged) -> EndpointPageBody:
        def work(uow: UnitOfWork) -> EndpointPageBody:
            found = endpoints.list_endpoints(uow, call.access, project, page)
            reports = endpoints.reports(uow, found.items[0].project_id, found.items) if found.items else {}
            items = [EndpointBody.of(endpoint, reports.get(endpoint.id)) for endpoint in found.items]
            return EndpointPageBody(items=items, next=found.next_cursor)

        return call.read(work)

    @routes.get(_ONE, summary="One endpoint, as its node says it is")
    def get_endpoint(call: Reader, project: str, endpoint: str, response: Response) -> EndpointBody:
        body = call.read(lambda uow: _body(endpoints, uow, endpoints.get(uow, call.access, project, endpoint)))
        set_etag(response, body.revision)
        return body

    @routes.get(_ONE + "/openapi", summary="OpenAPI document of the endpoint itself, with its rows typed")
    def get_endpoint_openapi(call: Reader, project: str, endpoint: str) -> dict[str, Any]:
        def work(uow: UnitOfWork) -> dict[str, Any]:
            found = endpoints.get(uow, call.access, project, endpoint)
            return endpoint_document(found, endpoints.live_version(uow, found), public_url)

        return call.read(work)

    @routes.get(_ONE + "/snippets", summary="Code that calls the endpoint, ready to be pasted")
    def get_endpoint_snippets(call: Reader, project: str, endpoint: str) -> SnippetsBody:
        def work(uow: UnitOfWork) -> SnippetsBody:
            found = endpoints.get(uow, call.access, project, endpoint)
            rows = example_rows(endpoints.live_version(uow, found))
            snippets = render_snippets(public_url.rstrip("/") + found.path, rows)
            return SnippetsBody(items=[SnippetBody.of(snippet) for snippet in snippets], rows=rows)

        return call.read(work)


def _add_managing(routes: APIRouter, endpoints: EndpointService) -> None:
    @routes.post("", status_code=201, summary="Make an endpoint before its first release")
    def create_endpoint(call: Manager, project: str, body: NewEndpoint) -> EndpointBody:
        return call.write(
            lambda uow: EndpointBody.of(endpoints.create(uow, call.access, project, body.name, body.limits()), None),
            status=201,
        )

    @routes.put(_ONE + "/limits", summary="Change an endpoint's limits")
    def put_endpoint_limits(
        call: Manager, project: str, endpoint: str, body: LimitsBody, response: Response
    ) -> EndpointBody:
        """Send the ETag that you read as If-Match, so that two edits at once don't undo each other."""

        def work(uow: UnitOfWork) -> EndpointBody:
            edited = endpoints.set_limits(
                uow, call.access, project, endpoint, body.limits(),
                lambda revision: check_if_match(call.request, revision, f"endpoint {project}/{endpoint}"),
            )  # fmt: skip
            set_etag(response, edited.revision)
            return _body(endpoints, uow, edited)

        return call.write(work)

    def set_stopped(call: Call, project: str, endpoint: str, body: StopBody | None, *, stopped: bool) -> EndpointBody:
        why = body.why if body else ""

        def work(uow: UnitOfWork) -> EndpointBody:
            edited = endpoints.set_stopped(uow, call.access, project, endpoint, stopped=stopped, why=why)
            return _body(endpoints, uow, edited)

        return call.write(work)

    @routes.post(_ONE + "/stop", summary="The stop button: nothing answers there any more")
    def stop_endpoint(call: Manager, project: str, endpoint: str, body: StopBody | None = None) -> EndpointBody:
        return set_stopped(call, project, endpoint, body, stopped=True)

    @routes.post(_ONE + "/start", summary="Let a stopped endpoint answer again")
    def start_endpoint(call: Manager, project: str, endpoint: str, body: StopBody | None = None) -> EndpointBody:
        return set_stopped(call, project, endpoint, body, stopped=False)


def _add_data_plane(
    routes: APIRouter, endpoints: EndpointService, tokens: TokenService, predictor: Predictor, nodes: NodeQuestions
) -> None:
    @routes.post(_ONE + "/try", summary="Call the endpoint as oneself, through the gateway")
    def try_endpoint(call: Caller, project: str, endpoint: str, body: TryBody) -> TryAnswerBody:
        found = call.read(lambda uow: endpoints.get(uow, call.access, project, endpoint))
        token = call.write(lambda uow: tokens.create_prediction_token(uow, call.access, project), keyed=False)
        answer = predictor.predict(found.path, body.rows, tokens.text_of(token))
        return TryAnswerBody(
            status=answer.status, body=answer.body, prediction_id=answer.prediction_id, total_ms=answer.total_ms
        )

    @routes.get(_ONE + "/logs", summary="The last lines that the live version printed, its tracebacks among them")
    def get_endpoint_logs(
        call: Reader, project: str, endpoint: str, tail: Annotated[int, Query(ge=1, le=10_000)] = 200
    ) -> LogsBody:
        found = call.read(lambda uow: endpoints.get(uow, call.access, project, endpoint))
        version_id = found.live_version_id
        return LogsBody(lines=read_log(nodes, version_id, min(tail, LOG_LINES_MAX)) if version_id else [])
