"""The whole control plane in this process, wired as `python -m modelyard.server` wires it.

A played node does its cell jobs and says that everything it is given is live; a played gateway answers every
prediction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.application import KnownEndpoints
from tests.support.builds import BuildsApplication, PlayedNode

from modelyard.contracts.cell_job import CellJob
from modelyard.contracts.desired_state import DesiredState
from modelyard.contracts.node_status import EndpointStatus, NodeStatus
from modelyard.contracts.statements import Envelope
from modelyard.kernel.clock import SystemClock
from modelyard.server.app import create_app
from modelyard.server.settings import load_settings
from modelyard.server.wiring import build_platform
from modelyard.trust.keys import KeyRing

PEOPLE = {"author": "developer", "reviewer": "reviewer", "owner": "owner", "reader": "viewer"}
STATUS_S = 0.5


class SpeakingNode(PlayedNode):
    """Reports every half second that all endpoints of the newest desired state are live."""

    _next = 0.0

    def poll(self, wait_s: float = 0.0) -> list[CellJob]:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + STATUS_S
            self.report()
        return super().poll(wait_s)

    def report(self) -> None:
        answer = self.get("/node/v1/desired-state", after=0, wait_s=0)
        assert answer.status_code == 200, answer.text
        state = DesiredState.from_json(Envelope.from_json(answer.json()).payload_json())
        at = datetime.now(UTC).isoformat()
        live = tuple(
            EndpointStatus(e.endpoint_id, "live", e.splits[0].version_id, e.splits[0].release_id, live_at=at)
            for e in state.endpoints
            if e.splits and not e.stopped
        )
        status = NodeStatus(self.trust.node_id, state.number, at, 0, {}, {}, (), live)
        assert self.post("/node/v1/status", status.to_json()).status_code == 204


class _Prediction(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"predictions": []}'
        self.send_response(200)
        for name, value in (
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("x-request-id", "00000000-0000-4000-8000-000000000001"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: pytest shows what matters."""


@contextmanager
def played_gateway() -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Prediction)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class WithoutLifespan:
    """For clients that would start and stop the application themselves."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("started already")
        await self._app(scope, receive, send)


@contextmanager
def running_platform(home: Path, **overrides: Any) -> Iterator[BuildsApplication]:
    """`clients` has `admin` and one of each of PEOPLE in project `demo`; jobs run. `overrides` are settings."""
    home.mkdir(parents=True, exist_ok=True)
    with played_gateway() as gateway:
        platform = build_platform(load_settings(home, {"server.public_url": gateway, **overrides}).value)
        app = create_app(platform)
        keys = KeyRing.open(home / "control" / "keys")
        site = BuildsApplication(app, platform.database, None, keys, SystemClock(), KnownEndpoints(), folder=home)
        site.node = SpeakingNode(app, home / "node")
        site.node.questions = lambda kind, _: {"record": None} if kind == "access_record" else {"lines": ["a line"]}
        platform.start()
        site.node.start()
        try:
            _add_people(site)
            yield site
        finally:
            site.node.stop()
            platform.stop()


def _add_people(site: BuildsApplication) -> None:
    admin = site.administrator()
    site.clients = {"admin": admin, **{name: site.make_user(admin, name) for name in PEOPLE}}
    site.make_project(admin, "demo")
    for name, role in PEOPLE.items():
        put = admin.put(f"/api/v1/projects/demo/members/{name}", json={"role": role})
        assert put.status_code == 200, put.text
