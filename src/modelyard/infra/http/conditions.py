"""ETag and If-Match, where two people may edit the same thing."""

from __future__ import annotations

from fastapi import Request, Response

from modelyard.kernel.errors import StaleEdit


def set_etag(response: Response, revision: str | int) -> None:
    """Stamps the revision that an If-Match must repeat."""
    response.headers["etag"] = f'"{revision}"'


def check_if_match(request: Request, revision: str | int, what: str) -> None:
    """Raises StaleEdit when If-Match was sent and names another revision; `*` matches any."""
    sent = request.headers.get("if-match")
    if sent is None or sent.strip() == "*":
        return
    had = [tag.strip().removeprefix("W/").strip('"') for tag in sent.split(",")]
    if str(revision) not in had:
        raise StaleEdit(what=what, had=", ".join(had), now=str(revision))
