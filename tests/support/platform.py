"""The whole control plane in this process, wired as `python -m modelyard.server` wires it; a played node answers it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.application import KnownEndpoints
from tests.support.builds import BuildsApplication, PlayedNode

from modelyard.kernel.clock import SystemClock
from modelyard.server.app import create_app
from modelyard.server.settings import load_settings
from modelyard.server.wiring import build_platform
from modelyard.trust.keys import KeyRing

PEOPLE = {"author": "developer", "reviewer": "reviewer", "owner": "owner", "reader": "viewer"}
NOWHERE = "http://127.0.0.1:9"  # no gateway listens there


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
    """`clients` has `admin` and one of each of PEOPLE in project `demo`; jobs run; no gateway does."""
    home.mkdir(parents=True, exist_ok=True)
    platform = build_platform(load_settings(home, {"server.public_url": NOWHERE, **overrides}).value)
    app = create_app(platform)
    keys, identity = KeyRing.open(home / "control" / "keys"), None
    site = BuildsApplication(app, platform.database, identity, keys, SystemClock(), KnownEndpoints(), folder=home)
    site.node = PlayedNode(app, home / "node")
    platform.start()
    site.node.start()
    try:
        admin = site.administrator()
        site.clients = {"admin": admin, **{name: site.make_user(admin, name) for name in PEOPLE}}
        site.make_project(admin, "demo")
        for name, role in PEOPLE.items():
            put = admin.put(f"/api/v1/projects/demo/members/{name}", json={"role": role})
            assert put.status_code == 200, put.text
        yield site
    finally:
        site.node.stop()
        platform.stop()
