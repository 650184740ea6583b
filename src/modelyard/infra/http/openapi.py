"""What is true of every route, written into the OpenAPI document once: how calls fail, how callers say who they are."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from modelyard.infra.http.problems import PROBLEM_TYPE

# `openapi_extra` of a route that needs nobody to be logged in.
NO_TOKEN: dict[str, Any] = {"security": []}
METHODS = ("get", "post", "put", "patch", "delete")
_CHANGING = ("post", "put", "patch", "delete")
_SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A session (`modelyard login`) or a token (`modelyard tokens create`).",
    }
}
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "Why a call failed (RFC 9457): what was got, what was expected, and the next thing to do.",
    "properties": {
        "type": {"type": "string", "description": "A URN of the code."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable; see the reference of errors."},
        "params": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
        "hint": {"type": "string"},
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail", "code", "params", "hint", "request_id"],
}
# Status -> name of the shared response, and what it says. The codes of each kind are in the reference of errors.
_RESPONSES = {
    400: ("Unreadable", "The body could not be read as what its content type says."),
    401: ("Unauthenticated", "No token was sent, or it is expired, revoked or not ours."),
    403: ("Denied", "The caller may see this, but not do that to it."),
    404: ("NotFound", "There is nothing of that name that the caller may see."),
    409: ("Conflict", "It contradicts what is there already, or what was asked before."),
    412: ("Stale", "It changed since the caller read it."),
    422: ("Invalid", "A field holds what it must not."),
    429: ("Limited", "Too many of these; Retry-After says when to come again."),
    503: ("NotReady", "A part that is needed is not there yet, or for a while; Retry-After says when to come again."),
    504: ("TimedOut", "A part that is needed did not answer in time."),
}


def complete_document(app: FastAPI) -> None:
    """Makes `app.openapi()`, and with it /openapi.json, say how calls fail."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            with_failures(FastAPI.openapi(app))  # which keeps the document that is changed here
        return FastAPI.openapi(app)

    app.openapi = openapi  # type: ignore[method-assign]


def with_failures(document: dict[str, Any]) -> dict[str, Any]:
    """The document, changed in place. A route's own word on a status is kept; `security` is a route's own too."""
    for item in document["paths"].values():
        for method in METHODS:
            if method in item:
                _add_failures(method, item[method])
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for replaced in ("HTTPValidationError", "ValidationError"):
        schemas.pop(replaced, None)
    schemas["Problem"] = _PROBLEM
    components["responses"] = {name: _response(text) for name, text in _RESPONSES.values()}
    components["securitySchemes"] = _SECURITY
    document["security"] = [{"token": []}]
    return document


def _add_failures(method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422", "")):
        del responses["422"]
    skipped = set() if method in _CHANGING else {400, 409, 412}
    if not {"parameters", "requestBody"} & operation.keys():
        skipped |= {400, 422}
    for status, (name, _) in _RESPONSES.items():
        if status not in skipped:
            responses.setdefault(str(status), {"$ref": f"#/components/responses/{name}"})
    operation["responses"] = dict(sorted(responses.items()))


def _response(text: str) -> dict[str, Any]:
    return {"description": text, "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
