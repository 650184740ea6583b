"""Logging in and out, and one's own account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from modelyard.identity.sessions.service import Login, SessionService
from modelyard.infra.http.call import Call, authenticated, public
from modelyard.infra.http.credentials import SESSION_COOKIE
from modelyard.infra.http.problems import STATUS
from modelyard.kernel.errors import PlatformError
from modelyard.web.rendering import HOME, Pages, done, see_other

Short = Annotated[str, Form(max_length=200)]
Password = Annotated[str, Form(max_length=2000)]


def router(pages: Pages, sessions: SessionService) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def root(call: Annotated[Call, public("it only leads to the console")]) -> RedirectResponse:
        return see_other(HOME)

    @routes.get("/login")
    def login_page(
        call: Annotated[Call, public("this is how one stops being anonymous")],
        then: Annotated[str, Query(max_length=500)] = HOME,
    ) -> Response:
        return pages.show(call, "login.html", then=_own_path(then), user="", problem=None)

    @routes.post("/login")
    def log_in(
        call: Annotated[Call, public("this is how one stops being anonymous")], request: Request,
        user: Short, password: Password, then: Annotated[str, Form(max_length=500)] = HOME,
    ) -> Response:  # fmt: skip
        try:
            login = sessions.log_in(user, password, request_id=call.request_id, source="page")
        except PlatformError as problem:
            values = {"then": _own_path(then), "user": user, "problem": problem}
            return pages.show(call, "login.html", STATUS[problem.kind], **values)
        target = "/ui/password" if login.user.password_is_one_time else _own_path(then)
        return _with_session(see_other(target), login, secure=_is_https(request))

    @routes.post("/logout")
    def log_out(call: Annotated[Call, authenticated()]) -> Response:
        call.write(lambda uow: sessions.log_out(uow, call.principal), keyed=False)
        answer = see_other("/login")
        answer.delete_cookie(SESSION_COOKIE, path="/")
        return answer

    @routes.get("/ui/account")
    def account_page(call: Annotated[Call, authenticated()]) -> Response:
        whoami = call.read(lambda uow: sessions.whoami(uow, call.principal))
        return pages.show(call, "account.html", whoami=whoami, command="modelyard status")

    @routes.get("/ui/password")
    def password_page(call: Annotated[Call, authenticated()]) -> Response:
        return pages.show(call, "password.html", problem=None)

    @routes.post("/ui/password")
    def change_password(call: Annotated[Call, authenticated()], old: Password, new: Password) -> Response:
        try:
            sessions.change_password(call.principal, old, new, request_id=call.request_id, source="page")
        except PlatformError as problem:
            return pages.show(call, "password.html", STATUS[problem.kind], problem=problem)
        return done(HOME, "Password changed; your other sessions have ended.")

    return routes


def _own_path(path: str) -> str:
    """Only a path of ours: `//host` and `/\\host` would lead a browser elsewhere."""
    is_ours = path.startswith("/ui/") and "\\" not in path and "//" not in path
    return path if is_ours else HOME


def _is_https(request: Request) -> bool:
    return request.headers.get("x-forwarded-proto", request.url.scheme) == "https"


def _with_session(answer: RedirectResponse, login: Login, *, secure: bool) -> RedirectResponse:
    answer.set_cookie(
        SESSION_COOKIE, login.text, expires=login.token.expires_at, path="/", secure=secure, httponly=True,
        samesite="strict",
    )  # fmt: skip
    return answer
