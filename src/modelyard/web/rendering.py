"""From a template and values to a page with its security headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from modelyard.infra.http.call import Call
from modelyard.kernel.access import Permission
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Denied
from modelyard.web.assets import asset_url
from modelyard.web.prose import render_prose

# Nothing inline, nothing from elsewhere, no frames, forms only to ourselves.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
}
HOME = "/ui/"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
NAVIGATION = (("Home", HOME), ("Releases", "/ui/releases"))
# Shown only to those who may open them.
OPERATING = (
    ("Nodes", "/ui/nodes", Permission.INSTALLATION_READ),
    ("Users", "/ui/users", Permission.USER_MANAGE),
)
AUDIT = ("Audit", "/ui/audit")
PROJECT_NAVIGATION = (
    ("Models", "models"), ("Endpoints", "endpoints"), ("Builds", "builds"), ("Callers", "callers"),
    ("Members", "members"),
)  # fmt: skip


class Pages:
    """Renders the templates; one per application."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("modelyard.web"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(asset=asset_url, project_navigation=PROJECT_NAVIGATION)
        self._templates.globals.update(
            crumbs=(), notice=None, command="", here="", viewer=None, project="", sees_models=True
        )
        self._templates.filters["ago"] = lambda moment: time_ago(moment, clock.now())
        self._templates.filters["bytes"] = readable_size
        self._templates.filters["short"] = shorten_digests
        self._templates.filters["who"] = name_of
        self._templates.filters["prose"] = render_prose

    def show(self, call: Call | None, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """The page, with the person who looks at it as `viewer` and what a redirect left to say as `notice`."""
        viewer = call.principal if call is not None and call.principal.kind != "anonymous" else None
        if call is not None and "notice" not in values:
            values["notice"] = notice_of(call.request)
        navigation = _navigation(call) if call is not None and viewer is not None else ()
        text = self._templates.get_template(template).render(viewer=viewer, navigation=navigation, **values)
        return HTMLResponse(text, status, HEADERS)

    def show_problem(self, call: Call | None, problem: Mapping[str, Any]) -> HTMLResponse:
        """What was got, what was expected, what to do next: a problem document (RFC 9457) as a page."""
        return self.show(call, "error.html", int(problem["status"]), problem=problem, notice=None)


def _navigation(call: Call) -> tuple[tuple[str, str], ...]:
    """What the viewer may open; opening it is checked when it is opened."""
    operating = [(label, path) for label, path, permission in OPERATING if _may_operate(call, permission)]
    projects = call.access.also(Permission.AUDIT_READ).visible_projects()
    return (*NAVIGATION, *operating, *([AUDIT] if projects is None or projects else []))


def _may_operate(call: Call, permission: Permission) -> bool:
    try:
        call.access.also(permission).check_installation()
    except Denied:
        return False
    return True


def notice_of(request: Request) -> Mapping[str, str] | None:
    """What the last action has to say, from the query (`done=`), shown once and escaped."""
    done = request.query_params.get("done", "")[:300]
    return {"tone": "good", "text": done, "hint": ""} if done else None


def see_other(path: str) -> RedirectResponse:
    """After a form: the browser reads the page anew, and a reload repeats nothing."""
    return RedirectResponse(path, 303, {"cache-control": "no-store"})


def done(path: str, text: str) -> RedirectResponse:
    """After a form that worked: back to a page, which says once what was done."""
    return see_other(f"{path}?{urlencode({'done': text})}")


def time_ago(moment: datetime, now: datetime) -> str:
    """`12 s ago`, `3 min ago`, `2 h ago`, `5 days ago`, then the date."""
    seconds = (now - moment.astimezone(UTC)).total_seconds()
    if seconds < 0:
        return f"in {_span(-seconds)}"
    return f"{_span(seconds)} ago" if seconds < 30 * 86_400 else moment.strftime("%Y-%m-%d")


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {'day' if unit == 'days' and count == 1 else unit}"
    return f"{int(seconds)} s"


def name_of(label: str) -> str:
    """`host:host` is one word to people; `service_account:clinic-app` keeps its kind."""
    kind, _, name = label.partition(":")
    return kind if kind == name else label


def shorten_digests(text: str) -> str:
    """`blob:sha256:9f2b84f2…`: eight characters tell digests apart."""
    return _DIGEST.sub(lambda found: found[0][: len("sha256:") + 8] + "…", text)


def readable_size(size_bytes: int) -> str:
    """`812 B`, `1.2 kB`, `3.4 MB`."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")
