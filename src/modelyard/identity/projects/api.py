"""Routes of projects."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from modelyard.identity.projects.schemas import NewProject, ProjectBody, ProjectList
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.http.call import Call, Paged, require
from modelyard.kernel.access import Permission


def router(projects: ProjectService) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/projects", tags=["projects"])

    @routes.get("", summary="Projects that I may see")
    def list_projects(call: Annotated[Call, require(Permission.PROJECT_READ)], page: Paged) -> ProjectList:
        found = call.read(lambda uow: projects.list_projects(uow, call.access, page))
        return ProjectList(items=[ProjectBody.of(project) for project in found.items], next=found.next_cursor)

    @routes.post("", status_code=201, summary="Make a project")
    def create_project(call: Annotated[Call, require(Permission.PROJECT_CREATE)], body: NewProject) -> ProjectBody:
        return call.write(
            lambda uow: ProjectBody.of(projects.create(uow, call.access, body.name, body.description)), status=201
        )

    @routes.get("/{project}", summary="One project")
    def get_project(call: Annotated[Call, require(Permission.PROJECT_READ)], project: str) -> ProjectBody:
        return call.read(lambda uow: ProjectBody.of(projects.open(uow, call.access, project)))

    return routes
