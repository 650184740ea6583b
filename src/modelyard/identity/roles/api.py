"""Routes of roles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from modelyard.identity.roles.schemas import MemberBody, MemberList, RoleBody
from modelyard.identity.roles.service import RoleService
from modelyard.infra.http.call import Call, Paged, require
from modelyard.kernel.access import Permission


def router(roles: RoleService) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/projects/{project}/members", tags=["projects"])

    @routes.get("", summary="Members of a project and their roles")
    def list_members(call: Annotated[Call, require(Permission.PROJECT_READ)], project: str, page: Paged) -> MemberList:
        found = call.read(lambda uow: roles.list_members(uow, call.access, project, page))
        return MemberList(items=[MemberBody.of(member) for member in found.items], next=found.next_cursor)

    @routes.put("/{member}", summary="Give a member a role")
    def put_member(
        call: Annotated[Call, require(Permission.PROJECT_MANAGE)], project: str, member: str, body: RoleBody
    ) -> MemberBody:
        """`member`: a user's name, or `service_account:NAME` (viewer or developer only)."""
        return call.write(lambda uow: MemberBody.of(roles.put(uow, call.access, project, member, body.role)))

    @routes.delete("/{member}", status_code=204, summary="Take a member's role away")
    def remove_member(call: Annotated[Call, require(Permission.PROJECT_MANAGE)], project: str, member: str) -> None:
        call.write(lambda uow: roles.remove(uow, call.access, project, member))

    return routes
