"""docs/reference/api.md: every route of the control plane with its permission and what it leaves in the audit trail."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tools.docs.markdown import code, page, table
from tools.docs.recorded import events_of

INTRODUCTION = """
The OpenAPI document is at `/openapi.json`. Every request carries `Authorization: Bearer TOKEN` except where the
permission says *public*. Errors are [problem documents](errors.md). Lists answer `{"items": […], "next": cursor}` and
take `limit` and `cursor`. A POST that creates honours `Idempotency-Key`. The audit column names the events that a
successful call leaves in the trail; every refusal for want of a permission leaves `access.permission.denied`.
"""


# Routes that cannot ask who calls, and why.
OPEN = {"/static/{name:path}": "*public*: the same files for everybody; a stale cookie must not cost the style"}


@dataclass(frozen=True, slots=True)
class Described:
    method: str
    path: str
    summary: str
    permission: str
    events: tuple[str, ...]
    tag: str
    is_page: bool


def render() -> str:
    parts = []
    routes = [route for route in control_plane_routes() if not route.is_page]
    for tag in sorted({route.tag for route in routes}):
        rows = [
            [f"`{r.method} {r.path}`", r.summary, r.permission, ", ".join(code(event) for event in r.events)]
            for r in routes
            if r.tag == tag
        ]
        parts += [f"## {tag.capitalize()}\n", table(["route", "does", "permission", "audit"], rows)]
    pages = [[f"`{r.method} {r.path}`", r.permission] for r in control_plane_routes() if r.is_page]
    if pages:
        parts += ["## Pages\n", table(["page", "permission"], pages)]
    return page("The HTTP API", INTRODUCTION, *parts)


@cache
def control_plane_routes() -> list[Described]:
    """From the application itself, wired over an empty home; nothing is started."""
    from modelyard.server.app import create_app  # the whole control plane; only this page wants it
    from modelyard.server.settings import load_settings
    from modelyard.server.wiring import build_platform

    with tempfile.TemporaryDirectory(prefix="modelyard-docs-") as home:
        platform = build_platform(load_settings(Path(home)).value)
        try:
            return sorted(_describe(create_app(platform)), key=lambda route: (route.tag, route.path, route.method))
        finally:
            platform.database.close()


def _flat(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Path and route, through included routers, which the framework keeps as they were given."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield prefix + getattr(route, "path", ""), route
        else:
            yield from _flat(included.routes, prefix + route.include_context.prefix)


def _describe(app: Any) -> Iterator[Described]:
    for path, route in _flat(app.routes):
        methods = getattr(route, "methods", None)
        if not methods or not hasattr(route, "dependant"):  # mounts and the OpenAPI document itself
            continue
        for method in sorted(methods - {"HEAD"}):
            tag = str(route.tags[0]) if route.tags else "pages"
            is_page = not path.startswith(("/api/", "/node/")) and tag == "pages"
            events = tuple(events_of(route.endpoint)) if method != "GET" else ()
            yield Described(method, path, route.summary or "", permission_of(route), events, tag, is_page)


def permission_of(route: Any) -> str:
    """What the route declares: a permission, *logged in*, *public: reason*; empty if nothing."""
    for dependency in route.dependant.dependencies:
        call = dependency.call
        if getattr(call, "is_for_nodes", False):
            return "*an enrolled node*"
        if hasattr(call, "public_reason"):
            if call.permission is not None:
                return code(call.permission.value)
            return f"*public*: {call.public_reason}" if call.anonymous else "*logged in*"
    return OPEN.get(route.path, "")
