"""Envoy as a child: started to die with the node, started again when it dies by itself."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress

import httpx

from modelyard.infra.processes.children import start_child, stop_child
from modelyard.node.gateway.admin import EnvoyAdmin
from modelyard.node.gateway.bootstrap import bootstrap
from modelyard.node.gateway.envoy_binary import EnvoyBinary
from modelyard.node.gateway.settings import GatewaySettings

# The first restart comes at once; an Envoy that keeps dying waits longer each time.
BACKOFF_S = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
HEALTHY_AFTER_S = 30.0
DRAIN_S = 5.0
STOP_S = 2.0
FLUSH_MS = 100

log = logging.getLogger(__name__)


class EnvoyProcess:
    """`before_start` runs before every start, while no Envoy writes the access log; `on_restart` after a restart."""

    def __init__(
        self,
        settings: GatewaySettings,
        binary: EnvoyBinary,
        before_start: Callable[[], None],
        on_restart: Callable[[], None] | None = None,
    ) -> None:
        self._settings = settings
        self._binary = binary
        self._before_start = before_start
        self._on_restart = on_restart
        self._admin = EnvoyAdmin(settings.admin_socket)
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._started = 0.0
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def uptime_s(self) -> float:
        return time.monotonic() - self._started if self.pid else 0.0

    async def start(self) -> None:
        path = self._settings.run_dir / "envoy.json"
        path.write_text(json.dumps(bootstrap(self._settings), indent=1))
        await self._spawn()
        self._watcher = asyncio.create_task(self._watch(), name="envoy-watcher")

    async def _spawn(self) -> None:
        self._before_start()
        self._settings.admin_socket.unlink(missing_ok=True)
        self._process = await start_child(
            self._command(), log_path=self._settings.log_dir / "envoy.log", environment={}
        )
        self._started = time.monotonic()

    def _command(self) -> list[str]:
        threads = self._settings.concurrency or max(1, (os.cpu_count() or 2) // 2)
        return [
            str(self._binary.path),
            *("--config-path", str(self._settings.run_dir / "envoy.json")),
            *("--concurrency", str(threads)),
            *("--file-flush-interval-msec", str(FLUSH_MS)),
            *("--file-flush-min-size-kb", "0"),
            *("--log-level", "warning"),
            # Hot restart shares memory between Envoys of one base id; we never run two of one home.
            "--disable-hot-restart",
        ]

    async def _watch(self) -> None:
        failures = 0
        while True:
            assert self._process is not None
            status = await self._process.wait()
            failures = 0 if self.uptime_before_death > HEALTHY_AFTER_S else failures
            wait_s = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
            failures += 1
            self.restarts += 1
            log.error("Envoy ended with status %s; starting it again in %.1f s", status, wait_s)
            await asyncio.sleep(wait_s)
            try:
                await self._spawn()
            except OSError:
                log.exception("Envoy can't be started")
                continue
            if self._on_restart is not None:
                self._on_restart()

    @property
    def uptime_before_death(self) -> float:
        return time.monotonic() - self._started

    async def stop(self) -> None:
        """Lets requests under way finish for a few seconds, then ends Envoy."""
        if self._watcher is not None:
            self._watcher.cancel()
            with suppress(asyncio.CancelledError):
                await self._watcher
        if self.pid is not None and self._process is not None:
            with suppress(httpx.HTTPError, TimeoutError):
                await asyncio.wait_for(self._drain(), DRAIN_S)
            await stop_child(self._process, STOP_S)

    async def _drain(self) -> None:
        await self._admin.drain()
        name = "http.public.downstream_rq_active"
        while (await self._admin.statistics(name)).get(name, 0):  # noqa: ASYNC110 another process tells no event
            await asyncio.sleep(0.05)
