"""The gateway as the node sees it: give it a view, and learn when Envoy does what the view says."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx

from modelyard.node.gateway.access_log import AccessLogFollower, rotate
from modelyard.node.gateway.access_store import AccessStore
from modelyard.node.gateway.admin import EnvoyAdmin
from modelyard.node.gateway.envoy_binary import EnvoyBinary, find_envoy
from modelyard.node.gateway.errors import ConfigurationRejected, GatewayTimeout
from modelyard.node.gateway.process import EnvoyProcess
from modelyard.node.gateway.resources import Snapshot, SnapshotBuilder
from modelyard.node.gateway.settings import GatewaySettings
from modelyard.node.gateway.view import GatewayView, ProbeAnswer
from modelyard.node.gateway.xds import Rejected, XdsServer

START_TIMEOUT_S = 20.0
APPLY_TIMEOUT_S = 20.0
PROBE_TIMEOUT_S = 70.0
STATISTICS_EVERY_S = 5.0
# A line is on disk after Envoy's flush and the follower's poll; somebody asking at once waits as long.
RECORD_WAITS_S = (0.0, 0.15, 0.2, 0.3)
CONNECTIONS = "http.public.downstream_cx_active"
REQUESTS = "http.public.downstream_rq_active"

log = logging.getLogger(__name__)


class Gateway:
    """Envoy with its configuration server and its access records. One event loop; `apply` calls queue up."""

    def __init__(self, settings: GatewaySettings, *, on_restart: Callable[[], None] | None = None) -> None:
        settings.check()
        self._settings = settings
        self._on_restart = on_restart
        self._admin = EnvoyAdmin(settings.admin_socket)
        self._builder = SnapshotBuilder(settings)
        self._good = Snapshot()
        self._applying = asyncio.Lock()
        self._rejection = ""
        self._statistics: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._binary: EnvoyBinary | None = None
        self._xds: XdsServer | None = None
        self._process: EnvoyProcess | None = None
        self._store: AccessStore | None = None
        self._follower: AccessLogFollower | None = None

    async def start(self) -> None:
        """Returns once Envoy listens: it forwards to the control plane, and says on /v2 that no state has come yet.

        Raises EnvoyNotFound, ConfigurationRejected (the port is taken, say) or GatewayTimeout.
        """
        settings = self._settings
        for folder in (settings.log_dir, settings.state_dir):
            folder.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        self._binary = await asyncio.to_thread(find_envoy, settings.envoy_path)
        self._store = AccessStore(settings.state_dir / "access.db")
        self._xds = XdsServer(settings.xds_socket)
        await self._xds.start()
        self._process = EnvoyProcess(
            settings, self._binary, before_start=lambda: _rotate_quietly(settings), on_restart=self._on_restart
        )
        try:
            await self._process.start()
            self._follower = AccessLogFollower(
                settings.access_log,
                self._store,
                size_bytes_max=settings.access_log_bytes_max,
                kept_days=settings.access_records_kept_days,
                ask_reopen=lambda: _call_soon(loop, self._reopen_logs),
            )
            self._follower.start()
            await self._publish(self._builder.build(None), START_TIMEOUT_S)
        except BaseException:
            await self.stop()
            raise
        self._tasks.append(asyncio.create_task(self._watch_statistics(), name="envoy-statistics"))

    async def apply(self, view: GatewayView, timeout_s: float = APPLY_TIMEOUT_S) -> float:
        """Returns the seconds it took until Envoy confirmed the whole view; requests under way are not disturbed.

        Raises ConfigurationRejected with Envoy's own words: Envoy then goes on with what it last accepted. Raises
        GatewayTimeout when Envoy did not confirm in time; it gets the view as soon as it can take it.
        """
        started = time.monotonic()
        async with self._applying:
            await self._publish(self._builder.build(view), timeout_s)
        return time.monotonic() - started

    async def _publish(self, wanted: Snapshot, timeout_s: float) -> None:
        assert self._xds is not None, "start() comes first"
        log_file = str(self._settings.log_dir / "envoy.log")
        try:
            await self._xds.publish(wanted, timeout_s)
        except Rejected as rejected:
            self._rejection = f"{rejected.what}: {rejected.reason}"
            await self._xds.want(self._good)
            raise ConfigurationRejected(what=rejected.what, reason=rejected.reason, log=log_file) from rejected
        except TimeoutError:
            await self._xds.want(wanted)
            state = "it is connected" if self._xds.connected else "it is not connected"
            raise GatewayTimeout(what="the new view", timeout_s=timeout_s, state=state, log=log_file) from None
        self._good = wanted
        self._rejection = ""

    async def probe(self, project: str, endpoint: str, rows: list[dict[str, Any]], token: str) -> ProbeAnswer:
        """Asks an endpoint for a prediction as a caller would: through the real listener, with a token.

        Raises httpx.HTTPError when nobody listens.
        """
        host = self._settings.listen_address
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 what Envoy binds is not what one calls
        literal = f"[{host}]" if ":" in host else host
        url = f"{self._settings.scheme}://{literal}:{self._settings.port}/v2/models/{project}.{endpoint}/predict"
        async with httpx.AsyncClient(verify=self._trust(), timeout=PROBE_TIMEOUT_S, trust_env=False) as client:
            answer = await client.post(url, json={"rows": rows}, headers={"authorization": f"Bearer {token}"})
        try:
            body: Any = answer.json()
        except json.JSONDecodeError:
            body = answer.text
        return ProbeAnswer(answer.status_code, dict(answer.headers), body)

    def _trust(self) -> ssl.SSLContext | bool:
        """Our own certificate and no other; its name is the public one, which a probe of an address can't match."""
        if self._settings.certificate_file is None:
            return True
        context = ssl.create_default_context(cafile=str(self._settings.certificate_file))
        context.check_hostname = False
        return context

    async def find_access_record(self, prediction_id: str) -> dict[str, Any] | None:
        """What Envoy itself recorded of a prediction (`pr_...`); None when it has none of it, or no more."""
        assert self._store is not None, "start() comes first"
        for wait_s in RECORD_WAITS_S:
            await asyncio.sleep(wait_s)
            record = await asyncio.to_thread(self._store.find, prediction_id)
            if record is not None:
                return record
        return None

    def status(self) -> dict[str, Any]:
        """For the node's report. `rejection` is Envoy's message on the last view, empty when it took it."""
        process, follower = self._process, self._follower
        return {
            "pid": process.pid if process else None,
            "version": self._binary.version if self._binary else "",
            "uptime_s": round(process.uptime_s, 1) if process else 0.0,
            "restarts": process.restarts if process else 0,
            "connected": bool(self._xds and self._xds.connected),
            "connections": self._statistics.get(CONNECTIONS, 0),
            "requests": self._statistics.get(REQUESTS, 0),
            "rejection": self._rejection,
            "access_log_problem": follower.problem if follower else "",
            "access_log_broken_lines": follower.broken_lines if follower else 0,
        }

    async def stop(self) -> None:
        """Ends Envoy after letting requests under way finish, and stores what its log still holds."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        if self._process is not None:
            await self._process.stop()
        if self._follower is not None:
            await asyncio.to_thread(self._follower.stop)
        if self._xds is not None:
            await self._xds.stop()

    async def _watch_statistics(self) -> None:
        while True:
            with suppress(httpx.HTTPError, ValueError):
                self._statistics = await self._admin.statistics(CONNECTIONS, REQUESTS)
            await asyncio.sleep(STATISTICS_EVERY_S)

    async def _reopen_logs(self) -> None:
        with suppress(httpx.HTTPError):
            await self._admin.reopen_logs()


def _rotate_quietly(settings: GatewaySettings) -> None:
    """A dead Envoy may have left half a line, which the next one's first line must not be appended to."""
    with suppress(OSError):
        rotate(settings.access_log)


def _call_soon(loop: asyncio.AbstractEventLoop, make: Callable[[], Any]) -> None:
    with suppress(RuntimeError):
        asyncio.run_coroutine_threadsafe(make(), loop)
