from __future__ import annotations

import pytest
from fastapi import Request

from modelyard.infra.http.credentials import CrossSiteRequest, read_credentials


def request(path: str, method: str = "GET", host: bool = False, **headers: str) -> Request:
    given = {"host": "here", **headers}
    scope = {
        "type": "http", "method": method, "path": path, "query_string": b"token=x&access_token=x", "scheme": "http",
        "server": ("localhost", 8800), "state": {"host_operator": True} if host else {},
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    return Request(scope)


@pytest.mark.parametrize(
    ("sent", "door", "bearer", "cookie"),
    [
        (request("/api/v1/me"), "api", "", ""),
        (request("/api/v1/me", authorization="Bearer abc"), "api", "abc", ""),
        (request("/api/v1/me", authorization="bearer abc"), "api", "abc", ""),
        (request("/api/v1/me", authorization="Basic abc"), "api", "", ""),
        (request("/ui/models", cookie="modelyard_session=abc"), "page", "", "abc"),
        (request("/ui/models", cookie="modelyard_session=abc", authorization="Bearer x"), "page", "x", ""),
        (request("/node/v1/status", cookie="modelyard_session=abc"), "node", "", ""),
        (request("/api/v1/users", method="POST", host=True, authorization="Bearer x"), "host", "", ""),
        (request("/api/v1/users", x_host_operator="true", host_operator="1"), "api", "", ""),
    ],
)
def test_credentials_are_read_from_their_one_place(sent: Request, door: str, bearer: str, cookie: str) -> None:
    found = read_credentials(sent)
    assert (found.door, found.bearer, found.cookie) == (door, bearer, cookie)
    assert "abc" not in repr(found)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "UNKNOWN"])
def test_credentials_of_a_foreign_pages_change_are_refused(method: str) -> None:
    for headers in ({}, {"origin": "http://here.evil"}, {"origin": "http://evil/here"}, {"sec_fetch_site": "none"}):
        with pytest.raises(CrossSiteRequest):
            read_credentials(request("/ui/x", method, cookie="modelyard_session=abc", **headers))
        with pytest.raises(CrossSiteRequest):
            read_credentials(request("/login", method, **headers))
    assert read_credentials(request("/api/v1/sessions", method)).door == "api"
    fresh = read_credentials(request("/ui/x", method, cookie="modelyard_session=abc", origin="http://here"))
    assert fresh.cookie == "abc"
