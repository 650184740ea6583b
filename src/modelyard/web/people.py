"""Who is who: members of a project and their roles, and for administrators the users of the installation."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from modelyard.identity.projects.service import ProjectService
from modelyard.identity.roles.service import RoleService
from modelyard.identity.users.domain import NewUser
from modelyard.identity.users.service import UserService
from modelyard.infra.http.call import Call, Paged, require
from modelyard.kernel.access import Permission, Role
from modelyard.kernel.paging import PageRequest
from modelyard.web.rendering import Pages, done, see_other

Short = Annotated[str, Form(max_length=200)]
ROLES = {
    Role.VIEWER: "sees everything, changes nothing",
    Role.DEVELOPER: "pushes, previews, asks for releases",
    Role.REVIEWER: "approves what others made, rolls back",
    Role.OPERATOR: "stops, starts, rolls back",
    Role.OWNER: "all of it, lets people and callers in",
}


def members_router(pages: Pages, projects: ProjectService, roles: RoleService) -> APIRouter:
    routes = APIRouter(include_in_schema=False, prefix="/ui/p/{project}")

    @routes.get("")
    def project_page(call: Annotated[Call, require(Permission.PROJECT_READ)], project: str) -> Response:
        """Leads to what the viewer came for: the models, or the members where they may see no model."""
        opened = call.read(lambda uow: projects.open(uow, call.access, project))
        first = "models" if call.access.may(Permission.MODEL_READ, opened.id) else "members"
        return see_other(f"/ui/p/{project}/{first}")

    @routes.get("/members")
    def members_page(call: Annotated[Call, require(Permission.PROJECT_READ)], project: str, page: Paged) -> Response:
        opened = call.read(lambda uow: projects.open(uow, call.access, project))
        found = call.read(lambda uow: roles.list_members(uow, call.access, project, page))
        return pages.show(
            call, "members.html", here="Members", project=project, opened=opened, members=found.items,
            next_cursor=found.next_cursor, roles=ROLES,
            may_manage=call.access.may(Permission.PROJECT_MANAGE, opened.id),
            sees_models=call.access.may(Permission.MODEL_READ, opened.id),
            command=f"modelyard projects grant {project} USER developer",
        )  # fmt: skip

    @routes.post("/members")
    def grant(
        call: Annotated[Call, require(Permission.PROJECT_MANAGE)], project: str, member: Short, role: Short
    ) -> Response:
        put = call.write(lambda uow: roles.put(uow, call.access, project, member.strip(), role), keyed=False)
        return done(f"/ui/p/{project}/members", f"{put.label} is {put.role.value}.")

    @routes.post("/members/remove")
    def remove(call: Annotated[Call, require(Permission.PROJECT_MANAGE)], project: str, member: Short) -> Response:
        call.write(lambda uow: roles.remove(uow, call.access, project, member), keyed=False)
        return done(f"/ui/p/{project}/members", f"{member} is no member any more.")

    return routes


def users_router(pages: Pages, users: UserService) -> APIRouter:
    routes = APIRouter(include_in_schema=False, prefix="/ui/users")

    def show(call: Call, page: PageRequest, issued: tuple[str, str] | None = None) -> Response:
        """`issued`: a user's name and their one-time password, shown this once."""
        found = call.read(lambda uow: users.list_users(uow, call.access, page))
        return pages.show(
            call, "users.html", here="Users", users=found.items, next_cursor=found.next_cursor, issued=issued,
            command="modelyard users add NAME",
        )  # fmt: skip

    @routes.get("")
    def users_page(call: Annotated[Call, require(Permission.USER_MANAGE)], page: Paged) -> Response:
        return show(call, page)

    @routes.post("")
    def add_user(
        call: Annotated[Call, require(Permission.USER_MANAGE)], page: Paged, name: Short, display_name: Short = "",
        is_administrator: Annotated[bool, Form()] = False, is_auditor: Annotated[bool, Form()] = False,
    ) -> Response:  # fmt: skip
        call.read(lambda _: call.access.check_installation())  # before any work is done on a password
        password = users.prepare_password(name, None)
        new = NewUser(name, display_name, None, is_administrator, is_auditor)
        user = call.write(lambda uow: users.create(uow, call.access, new, password), keyed=False)
        return show(call, page, (user.name, password.shown_once or ""))

    @routes.post("/{name}/reset-password")
    def reset_password(call: Annotated[Call, require(Permission.USER_MANAGE)], page: Paged, name: str) -> Response:
        call.read(lambda _: call.access.check_installation())
        password = users.prepare_password(name, None)
        user = call.write(lambda uow: users.reset_password(uow, call.access, name, password), keyed=False)
        return show(call, page, (user.name, password.shown_once or ""))

    @routes.post("/{name}/disable")
    def disable(call: Annotated[Call, require(Permission.USER_MANAGE)], name: str) -> Response:
        call.write(lambda uow: users.disable(uow, call.access, name), keyed=False)
        return done("/ui/users", f"{name} is disabled; their sessions and tokens have ended.")

    @routes.post("/{name}/enable")
    def enable(call: Annotated[Call, require(Permission.USER_MANAGE)], name: str) -> Response:
        call.write(lambda uow: users.enable(uow, call.access, name), keyed=False)
        return done("/ui/users", f"{name} may log in again.")

    return routes
