"""Builds: starting, watching, cancelling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from modelyard.sdk.errors import BuildFailed
from modelyard.sdk.paging import list_items
from modelyard.sdk.results import Build, result
from modelyard.sdk.transport import Transport


class Builds:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def start(self, project: str, source: dict[str, Any]) -> Build:
        """Asks for a build of an upload or of a Git commit."""
        return result(
            Build, self._transport.json("POST", f"/api/v1/projects/{project}/builds", body={"source": source})
        )

    def list_builds(self, project: str, *, items_max: int = 100) -> Iterator[Build]:
        found = list_items(self._transport, f"/api/v1/projects/{project}/builds", items_max=items_max)
        return (result(Build, item) for item in found)

    def get_build(self, number: int) -> Build:
        return result(Build, self._transport.json("GET", f"/api/v1/builds/{number}"))

    def events(self, number: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """(`step`, `log` or `done`, data) as they happen; ends with the build, resumes after a lost connection."""
        return self._transport.events(f"/api/v1/builds/{number}/events")

    def cancel(self, number: int) -> Build:
        return result(Build, self._transport.json("POST", f"/api/v1/builds/{number}/cancel"))

    def retry(self, number: int) -> Build:
        return result(Build, self._transport.json("POST", f"/api/v1/builds/{number}/retry"))

    def wait(self, number: int, on_event: Callable[[str, dict[str, Any]], None] | None = None) -> Build:
        """The build when it has ended well. Raises BuildFailed with the failure's own code and hint otherwise."""
        for event, data in self.events(number):
            if on_event is not None:
                on_event(event, data)
            if event == "done":
                break
        build = self.get_build(number)
        if build.state == "succeeded":
            return build
        failure = build.document.get("error") or {}
        raise BuildFailed(
            str(failure.get("detail") or f"build {number} ended as {build.state}, expected it to succeed."),
            code=str(failure.get("code") or f"builds.{build.state}"),
            hint=str(failure.get("hint") or f"read its log: modelyard builds log {number}"),
        )
