"""What a request says of who sends it, before anybody believes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from fastapi import Request

from modelyard.kernel.errors import ErrorKind, PlatformError

SESSION_COOKIE = "modelyard_session"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Door = Literal["api", "page", "node", "host"]


class CrossSiteRequest(PlatformError):
    """A change that a foreign page made the browser send along with our cookie."""

    kind = ErrorKind.DENIED
    code = "http.cross_site_request"
    message = "The change was sent by another site's page, so it is refused."
    hint = "Open the console itself and repeat it there; scripts send a token in the Authorization header."


@dataclass(frozen=True, slots=True)
class Credentials:
    """`door`: which way the request came in; `host` only for the administration socket, which the server itself marks.
    `bearer` and `cookie` are token texts, empty when none was sent. `path` is the URL's."""

    door: Door
    path: str
    bearer: str = field(default="", repr=False)
    cookie: str = field(default="", repr=False)


def read_credentials(request: Request) -> Credentials:
    """Raises CrossSiteRequest. A token in the query string is no credential: it would end up in logs and histories."""
    path = request.url.path
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    bearer = text.strip() if scheme.lower() == "bearer" else ""
    if getattr(request.state, "host_operator", False) is True:
        return Credentials("host", path)
    if path.startswith("/node/"):
        return Credentials("node", path, bearer)
    door: Door = "api" if path.startswith("/api/") else "page"
    cookie = "" if bearer else request.cookies.get(SESSION_COOKIE, "")
    # A page's form counts without a cookie too: or another site could log a browser in as somebody else.
    if (
        (cookie or (door == "page" and not bearer))
        and request.method not in _SAFE_METHODS
        and not _is_same_site(request)
    ):
        raise CrossSiteRequest
    return Credentials(door, path, bearer, cookie)


def _is_same_site(request: Request) -> bool:
    """Whether our own page sent it. The cookie is SameSite=Strict already; this is the second wall, for browsers and
    sibling subdomains that the first does not hold. We ask the browser (Sec-Fetch-Site, else Origin) instead of putting
    a secret into each form: a page can forge neither header, no form can forget its token, and pages stay cacheable.
    A browser sends Origin with every POST; a request with neither header is refused."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.headers.get("host", "")
