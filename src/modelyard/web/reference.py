"""The HTTP API as a page: every route of the OpenAPI document, without a script or an asset from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from modelyard.infra.http.call import Call, public
from modelyard.web.rendering import Pages

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[str, ...]


def router(pages: Pages) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    def reference_page(
        call: Annotated[Call, public("the document that it shows is public too")], request: Request
    ) -> Response:
        groups = group_operations(request.app.openapi())
        return pages.show(call, "reference.html", here="API", groups=groups)

    return routes


def group_operations(document: dict[str, Any]) -> dict[str, list[Operation]]:
    """Tag -> its operations, both in the document's order; the node's own routes are nobody else's to call."""
    groups: dict[str, list[Operation]] = {}
    for path, item in document["paths"].items():
        if path.startswith("/node/"):
            continue
        for method in METHODS:
            if method in item:
                found = item[method]
                tag = (found.get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append(_operation(method, path, found))
    return groups


def _operation(method: str, path: str, found: dict[str, Any]) -> Operation:
    query = tuple(p["name"] for p in found.get("parameters", ()) if p.get("in") == "query")
    return Operation(method.upper(), path, found.get("summary", ""), found.get("description", ""), query)
