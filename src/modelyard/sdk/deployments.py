"""Endpoints and the releases that bring versions to them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from modelyard.sdk.errors import ModelyardError, TimedOut
from modelyard.sdk.paging import list_items
from modelyard.sdk.results import Endpoint, Release, result
from modelyard.sdk.transport import Transport

LIVE_TIMEOUT_S = 60.0
WAIT_S = 20.0
_RELEASES = "/api/v1/releases"


class Releases:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def request(self, project: str, *, endpoint: str, model: str, version: str, why: str) -> Release:
        """Asks that the version answer at the endpoint; somebody else decides."""
        body = {"endpoint": endpoint, "model": model, "version": version, "why": why}
        return result(Release, self._transport.json("POST", f"/api/v1/projects/{project}/releases", body=body))

    def list_releases(self, *, project: str = "", state: str = "", items_max: int = 100) -> Iterator[Release]:
        params = {"project": project, "state": state}
        return (result(Release, item) for item in list_items(self._transport, _RELEASES, params, items_max=items_max))

    def get_release(self, number: int, *, wait_s: float = 0.0) -> Release:
        """With its diff against the live version in `document`. `wait_s`: for how long to wait while an approved
        release is on its way to being live."""
        params = {"wait_s": wait_s} if wait_s else None
        return result(
            Release, self._transport.json("GET", f"{_RELEASES}/{number}", params=params, timeout_s=wait_s + 30)
        )

    def approve(self, number: int, why: str) -> Release:
        return result(Release, self._transport.json("POST", f"{_RELEASES}/{number}/approve", body={"why": why}))

    def reject(self, number: int, why: str) -> Release:
        return result(Release, self._transport.json("POST", f"{_RELEASES}/{number}/reject", body={"why": why}))

    def withdraw(self, number: int) -> Release:
        return result(Release, self._transport.json("POST", f"{_RELEASES}/{number}/withdraw"))

    def wait_live(self, number: int, *, timeout_s: float = LIVE_TIMEOUT_S) -> Release:
        """The release once its first correct answer came through the gateway.

        Raises ModelyardError with the version's traceback when it could not start, TimedOut.
        """
        ends = time.monotonic() + timeout_s
        while True:
            release = self.get_release(number, wait_s=min(WAIT_S, max(0.0, ends - time.monotonic())))
            if release.state == "live":
                return release
            if release.state not in ("approved", "pending"):
                problem = str(release.document.get("problem") or f"release {number} is {release.state}")
                raise ModelyardError(
                    f"{problem.strip()}\nThe version that was live before goes on serving.",
                    code=f"releases.{release.state}",
                    hint=f"modelyard logs {release.endpoint}",
                )
            if time.monotonic() > ends:
                raise TimedOut(
                    f"release {number} is {release.state} after {timeout_s:.0f} s, expected live.",
                    code="releases.not_live_yet",
                    hint=f"it goes on; look again: modelyard releases show {number}",
                )


class Endpoints:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_endpoints(self, project: str) -> Iterator[Endpoint]:
        return (result(Endpoint, item) for item in list_items(self._transport, f"/api/v1/projects/{project}/endpoints"))

    def get_endpoint(self, project: str, name: str) -> Endpoint:
        return result(Endpoint, self._transport.json("GET", self._path(project, name)))

    def roll_back(self, project: str, name: str, *, to_release: int | None = None, why: str = "") -> dict[str, Any]:
        """Sends traffic back to the release before, or to the one named."""
        body: dict[str, Any] = {"why": why} if why else {}
        if to_release is not None:
            body["to_release"] = to_release
        answer: dict[str, Any] = self._transport.json("POST", f"{self._path(project, name)}/rollback", body=body)
        return answer

    def stop(self, project: str, name: str) -> None:
        self._transport.request("POST", f"{self._path(project, name)}/stop")

    def start(self, project: str, name: str) -> None:
        self._transport.request("POST", f"{self._path(project, name)}/start")

    def logs(self, project: str, name: str, *, tail: int = 100) -> dict[str, Any]:
        answer: dict[str, Any] = self._transport.json("GET", f"{self._path(project, name)}/logs", params={"tail": tail})
        return answer

    @staticmethod
    def _path(project: str, name: str) -> str:
        return f"/api/v1/projects/{project}/endpoints/{name}"
