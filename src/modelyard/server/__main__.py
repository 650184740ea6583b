"""`python -m modelyard.server --home DIR`: the control plane's process, on two Unix sockets.

`control.sock` is for Envoy and the node; `admin.sock` (mode 0600) for the person who owns the machine, and works when
Envoy does not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn

from modelyard.infra.processes.paths import run_dir
from modelyard.server.app import create_app
from modelyard.server.settings import load_settings
from modelyard.server.wiring import build_platform

KEEP_ALIVE_S = 75  # longer than Envoy keeps an idle upstream connection, so that only Envoy closes them


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


def _listen(path: Path) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(previous)
    listener.listen(1024)
    listener.setblocking(False)
    return listener


async def _serve(app: Any, run: Path, on_stop: Callable[[], None]) -> None:
    common: dict[str, Any] = {
        "log_config": None, "access_log": False, "timeout_keep_alive": KEEP_ALIVE_S, "timeout_graceful_shutdown": 5,
    }  # fmt: skip
    servers = [
        (_Server(uvicorn.Config(app, lifespan="on", **common)), _listen(run / "control.sock")),
        (_Server(uvicorn.Config(_HostOperator(app), lifespan="off", **common)), _listen(run / "admin.sock")),
    ]

    def stop() -> None:
        on_stop()
        for server, _ in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in servers))


def main() -> None:
    parser = argparse.ArgumentParser(prog="modelyard.server", description="The control plane of one installation.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--public-url")
    parser.add_argument("--database-url")
    options = parser.parse_args()
    overrides = {"server.public_url": options.public_url, "database.url": options.database_url}
    settings = load_settings(options.home, overrides).value
    logging.basicConfig(level=settings.server.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    run = run_dir(settings.server.home)
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    platform = build_platform(settings)
    asyncio.run(_serve(create_app(platform), run, platform.end_waiting))


if __name__ == "__main__":
    main()
