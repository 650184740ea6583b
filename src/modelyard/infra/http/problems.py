"""Errors as RFC 9457 problem documents. The table is exhaustive; a test holds it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from modelyard.kernel.errors import ErrorKind, PlatformError

log = logging.getLogger(__name__)
PROBLEM_TYPE = "application/problem+json"

STATUS: dict[ErrorKind, int] = {
    ErrorKind.INVALID: 422,
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.DENIED: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.CONFLICT: 409,
    ErrorKind.PRECONDITION: 412,
    ErrorKind.LIMITED: 429,
    ErrorKind.NOT_READY: 503,
    ErrorKind.UNAVAILABLE: 503,
    ErrorKind.TIMEOUT: 504,
    ErrorKind.INTERNAL: 500,
}


def request_id_of(request: Request) -> str:
    """Envoy's id of the request, or none when it came past Envoy."""
    return request.headers.get("x-request-id", "")


def problem(request: Request, error: PlatformError) -> JSONResponse:
    """The document for one error; internal detail never leaves, the request id does."""
    status = STATUS[error.kind]
    headers = {"retry-after": str(error.params.get("retry_after_s", 1))} if status in (429, 503) else {}
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="modelyard"'
    return _answer(request, status, error.code, error.detail, error.next_step, error.params, headers)


def _answer(
    request: Request, status: int, code: str, detail: str, hint: str, params: dict[str, Any], headers: dict[str, str]
) -> JSONResponse:
    body = {
        "type": f"urn:modelyard:error:{code}",
        "title": code.rpartition(".")[2].replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "params": {
            name: value if isinstance(value, (int, float, bool)) else str(value) for name, value in params.items()
        },
        "hint": hint,
        "request_id": request_id_of(request),
    }
    return JSONResponse(body, status, headers, media_type=PROBLEM_TYPE)


def add_problem_handlers(app: FastAPI, store_denials: Callable[[Request], None]) -> None:
    """Every way an API call can fail ends in a problem document; `denials.store_denials` writes down the refused."""

    @app.exception_handler(PlatformError)
    async def platform_error(request: Request, error: PlatformError) -> JSONResponse:
        if error.kind is ErrorKind.DENIED:
            await run_in_threadpool(store_denials, request)
        return problem(request, error)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        detail = f"{place}: {first['msg']}."
        return _answer(request, 422, "request.malformed", detail, "See /docs for the request's schema.", {}, {})

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "route.not_found", 405: "route.method_not_allowed"}.get(error.status_code, "request.refused")
        return _answer(request, error.status_code, code, str(error.detail), "See /docs.", {}, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("unexpected error, request %s", request_id_of(request), exc_info=error)
        detail = "Something went wrong on our side; nothing was changed."
        return _answer(request, 500, "internal", detail, "The log has it under this request id.", {}, {})
