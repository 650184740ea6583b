"""The control plane's HTTP servers: one application on both listening sockets, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from modelyard.server.app import create_app
from modelyard.server.settings import ServerSettings
from modelyard.server.wiring import build_platform

KEEP_ALIVE_S = 75  # longer than Envoy keeps an idle upstream connection, so that only Envoy closes them
GRACE_S = 5


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: two servers share one process, `_serve` ends both."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _HostOperator:
    """Marks requests of the administration socket; only its file's owner can open it."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["host_operator"] = True
        await self._app(scope, receive, send)


async def _serve(app: Any, control: socket.socket, admin: socket.socket, on_stop: Callable[[], None]) -> None:
    common: dict[str, Any] = {
        "log_config": None, "access_log": False, "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": GRACE_S,
    }  # fmt: skip
    servers = [
        (_Server(uvicorn.Config(app, lifespan="on", **common)), control),
        (_Server(uvicorn.Config(_HostOperator(app), lifespan="off", **common)), admin),
    ]

    def stop() -> None:
        on_stop()
        for server, _ in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in servers))


def run(settings: ServerSettings, control: socket.socket, admin: socket.socket) -> None:
    """Wires everything, and serves until the end."""
    platform = build_platform(settings)
    asyncio.run(_serve(create_app(platform), control, admin, platform.end_waiting))
