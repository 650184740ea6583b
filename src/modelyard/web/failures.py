"""Errors on pages, as pages: a problem document becomes `error.html`, being nobody leads to the login page.

The API's handlers run first, whatever the path: they write down refusals, log what nobody foresaw and decide the status
and the words. Here only the clothes change.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from modelyard.identity.users.errors import PasswordChangeNeeded
from modelyard.infra.http.call import Call, HttpKit, LoginNeeded
from modelyard.kernel.errors import PlatformError
from modelyard.web.rendering import HOME, Pages, see_other

Handler = Callable[[Request, Exception], Awaitable[Response]]
PAGES = ("/ui", "/login", "/logout", "/docs")


def add_error_pages(app: FastAPI, pages: Pages) -> None:
    """Dresses the handlers of problem documents that the application has already."""
    for kind in (PlatformError, RequestValidationError, HTTPException, Exception):
        documents: Any = app.exception_handlers[kind]
        app.add_exception_handler(kind, _dressed(documents, pages))


def _dressed(documents: Handler, pages: Pages) -> Handler:
    async def answer(request: Request, error: Exception) -> Response:
        document = await documents(request, error)
        if not request.url.path.startswith(PAGES):
            return document
        if isinstance(error, LoginNeeded):
            return see_other(f"/login?{urlencode({'then': _here(request)})}")
        if isinstance(error, PasswordChangeNeeded):
            return see_other("/ui/password")
        problem = json.loads(bytes(document.body))
        if problem["code"] == "route.not_found":
            problem |= {"detail": "There is no page at this address.", "hint": ""}
        return await run_in_threadpool(lambda: pages.show_problem(_viewer(request), problem))

    return answer


def _here(request: Request) -> str:
    """Where to go on after logging in: the page that was asked for, never the middle of a form."""
    if request.method != "GET":
        return HOME
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _viewer(request: Request) -> Call | None:
    """So that the page keeps its navigation; someone who can't be told who they are gets a page without."""
    kit: HttpKit = request.app.state.kit
    try:
        return Call(kit, request, kit.authenticator.authenticate(request), None)
    except PlatformError:
        return None
