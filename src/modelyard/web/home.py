"""The first page: what waits for me, what is unwell, what changed last."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response

from modelyard.deployment.endpoints.schemas import EndpointBody
from modelyard.deployment.endpoints.service import EndpointService
from modelyard.deployment.releases.domain import Release
from modelyard.deployment.releases.service import ReleaseService
from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.db import UnitOfWork
from modelyard.infra.http.call import Call, require
from modelyard.kernel.access import Permission
from modelyard.kernel.paging import PageRequest
from modelyard.web.releasing import TONES as RELEASE_TONES
from modelyard.web.rendering import Pages
from modelyard.web.serving import TONES as ENDPOINT_TONES

LATEST = PageRequest(8)
WAITING = PageRequest(20)
ENDPOINTS_SHOWN = 100


def router(pages: Pages, projects: ProjectService, endpoints: EndpointService, releases: ReleaseService) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/ui/")
    def home(call: Annotated[Call, require(Permission.PROJECT_READ)]) -> Response:
        """Lists only what the viewer may see: each list asks with its own permission."""

        def read(uow: UnitOfWork) -> tuple[tuple[Project, ...], list[EndpointBody], list[Release], list[Release]]:
            mine = projects.list_projects(uow, call.access, PageRequest(ENDPOINTS_SHOWN)).items
            reading = call.access.also(Permission.RELEASE_READ)
            waiting = releases.list_releases(uow, reading, WAITING, state="pending").items
            latest = releases.list_releases(uow, call.access.also(Permission.RELEASE_READ), LATEST).items
            return mine, _endpoints(uow, call, mine), list(waiting), list(latest)

        mine, found, waiting, latest = call.read(read)
        for_me = [one for one in waiting if _may_decide(call, one)]
        return pages.show(
            call, "home.html", here="Home", projects=mine, for_me=for_me,
            waiting=[one for one in waiting if one not in for_me], latest=latest,
            unwell=[one for one in found if one.phase == "failed" or one.problem], endpoints=found,
            tones=RELEASE_TONES, endpoint_tones=ENDPOINT_TONES, command="modelyard status",
        )  # fmt: skip

    def _endpoints(uow: UnitOfWork, call: Call, mine: tuple[Project, ...]) -> list[EndpointBody]:
        found: list[EndpointBody] = []
        for project in mine:
            if not call.access.may(Permission.ENDPOINT_READ, project.id):
                continue
            reading = call.access.also(Permission.ENDPOINT_READ)
            page = endpoints.list_endpoints(uow, reading, project.name, PageRequest(ENDPOINTS_SHOWN))
            reports = endpoints.reports(uow, project.id, page.items) if page.items else {}
            found += [EndpointBody.of(one, reports.get(one.id)) for one in page.items]
        return found[:ENDPOINTS_SHOWN]

    return routes


def _may_decide(call: Call, release: Release) -> bool:
    own = call.principal.id in {*release.author_ids, release.requested_by_id}
    return not own and call.access.may(Permission.RELEASE_APPROVE, release.project_id)
