"""Routes of users. Those that carry passwords ignore Idempotency-Key: neither a password nor its digest is kept; a
repeated POST meets the name it made before (409)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import SecretStr

from modelyard.identity.users.domain import NewUser, User
from modelyard.identity.users.schemas import (
    FirstStart,
    FirstStartBody,
    NewUserBody,
    ResetPassword,
    UserBody,
    UserList,
    UserWithPasswordBody,
)
from modelyard.identity.users.service import PreparedPassword, UserService
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.http.call import Call, Paged, require
from modelyard.kernel.access import Permission
from modelyard.kernel.errors import Denied


def router(users: UserService) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["users"])

    @routes.get("/users", summary="Users of the installation")
    def list_users(call: Annotated[Call, require(Permission.USER_MANAGE)], page: Paged) -> UserList:
        found = call.read(lambda uow: users.list_users(uow, call.access, page))
        return UserList(items=[UserBody.of(user) for user in found.items], next=found.next_cursor)

    @routes.post("/users", status_code=201, summary="Make a user")
    def create_user(call: Annotated[Call, require(Permission.USER_MANAGE)], body: NewUserBody) -> UserWithPasswordBody:
        call.read(lambda _: call.access.check_installation())  # before any work is done on a password
        password = users.prepare_password(body.name, _plain(body.password))
        new = NewUser(body.name, body.display_name, None, body.is_administrator, body.is_auditor)
        user = call.write(lambda uow: users.create(uow, call.access, new, password), keyed=False)
        return _with_password(user, password)

    @routes.post("/users/{name}/disable", summary="End a user's sessions and tokens and let them in no more")
    def disable_user(call: Annotated[Call, require(Permission.USER_MANAGE)], name: str) -> UserBody:
        return call.write(lambda uow: UserBody.of(users.disable(uow, call.access, name)))

    @routes.post("/users/{name}/enable", summary="Let a disabled user log in again")
    def enable_user(call: Annotated[Call, require(Permission.USER_MANAGE)], name: str) -> UserBody:
        return call.write(lambda uow: UserBody.of(users.enable(uow, call.access, name)))

    @routes.post("/users/{name}/reset-password", summary="Give a user a new one-time password")
    def reset_password(
        call: Annotated[Call, require(Permission.USER_MANAGE)], name: str, body: ResetPassword | None = None
    ) -> UserWithPasswordBody:
        """By an administrator, or on the host through the administration socket. It ends the user's sessions."""
        call.read(lambda _: call.access.check_installation())
        password = users.prepare_password(name, _plain(body.password) if body else None)
        user = call.write(lambda uow: users.reset_password(uow, call.access, name, password), keyed=False)
        return _with_password(user, password)

    @routes.post("/first-start", summary="Make the first administrator, on the host")
    def first_start(
        call: Annotated[Call, require(Permission.USER_MANAGE)], body: FirstStart | None = None
    ) -> FirstStartBody:
        """Only through the administration socket: the password is shown to the person who owns the machine, once."""

        def has_users(uow: UnitOfWork) -> bool:
            call.access.check_installation()
            if call.principal.kind != "host":
                raise Denied(principal=call.principal.label, permission="host", scope="this installation")
            return users.has_users(uow)

        if call.read(has_users):
            return FirstStartBody(created=False, user=None, one_time_password=None)
        password = users.prepare_password("admin", _plain(body.password) if body else None)
        user = call.write(lambda uow: users.make_administrator(uow, password), keyed=False)
        shown = password.shown_once if user else None
        return FirstStartBody(created=user is not None, user=user.name if user else None, one_time_password=shown)

    return routes


def _plain(password: SecretStr | None) -> str | None:
    return None if password is None else password.get_secret_value()


def _with_password(user: User, password: PreparedPassword) -> UserWithPasswordBody:
    return UserWithPasswordBody(**UserBody.of(user).model_dump(), one_time_password=password.shown_once)
