"""Desired state in, running endpoints and previews out. Everything that can happen wakes it; nothing is polled."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modelyard.contracts.desired_state import DesiredState
from modelyard.contracts.node_status import EndpointStatus, ReplicaStatus
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import PlatformError
from modelyard.node.durable_files import write_durably
from modelyard.node.gateway import Gateway, GatewayView
from modelyard.node.supervisor.endpoints import Endpoint, LiveRecord, Surroundings
from modelyard.node.supervisor.launcher_client import LauncherGone
from modelyard.node.supervisor.previews import Previews
from modelyard.node.supervisor.replicas import Replicas
from modelyard.node.supervisor.routing import Routing
from modelyard.node.verification import Refused, check_release
from modelyard.trust.keys import NodeTrust

logger = logging.getLogger(__name__)


class Supervisor:
    def __init__(
        self, replicas: Replicas, gateway: Gateway, trust: NodeTrust, clock: Clock, *,
        live_path: Path, changes_max: int, changed: Callable[[], None],
    ) -> None:  # fmt: skip
        self._replicas = replicas
        self._live_path = live_path
        self._changed = changed
        self._trust = trust
        self._desired: DesiredState | None = None
        self._endpoints: dict[str, Endpoint] = {}
        self._routing = Routing(gateway, self._view)
        self._previews = Previews(replicas, trust, clock, changed=self._on_previews_changed)
        self._live = _read_live(live_path)
        self._around = Surroundings(
            replicas=replicas, trust=trust, clock=clock, prober=gateway, publish=self._routing.publish,
            request=self._routing.request, changed=self._on_endpoint_changed, remember=self._remember,
            give_up=self._give_up, slots=asyncio.Semaphore(changes_max),
        )  # fmt: skip
        self._tidy = asyncio.Event()
        self._tidying: asyncio.Task[None] | None = None
        self._draining: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._routing.start()
        self._tidying = asyncio.create_task(self._keep_tidy(), name="tidy")

    @property
    def number(self) -> int:
        """Of the desired state that is being made true; 0 before the first."""
        return self._desired.number if self._desired else 0

    def apply(self, desired: DesiredState) -> None:
        """Takes it as the aim. Returns at once; status tells what came of it."""
        self._desired = desired
        versions = {version.version_id: version for version in desired.versions}
        wanted = {endpoint.endpoint_id: endpoint for endpoint in desired.endpoints}
        # Who may call changes now, whatever becomes of the versions.
        self._routing.request()
        for endpoint_id in self._endpoints.keys() - wanted.keys():
            gone = self._endpoints.pop(endpoint_id)
            self._spawn(gone.stop())
            self._remember(endpoint_id, None)
        for endpoint_id, state in wanted.items():
            if endpoint_id not in self._endpoints:
                self._endpoints[endpoint_id] = Endpoint(endpoint_id, self._around, self._live.get(endpoint_id))
            self._endpoints[endpoint_id].update(desired, state, versions)
        self._previews.update(desired.previews, versions)
        self._tidy.set()
        self._changed()

    def statuses(self) -> tuple[tuple[ReplicaStatus, ...], tuple[EndpointStatus, ...]]:
        return self._replicas.statuses(), tuple(endpoint.status() for endpoint in self._endpoints.values())

    @property
    def routing_problem(self) -> str:
        return self._routing.problem

    def on_gateway_restart(self) -> None:
        """A new Envoy gets what holds now."""
        self._routing.request()

    async def on_launcher_restart(self) -> None:
        await self._replicas.relisten()
        self._routing.request()
        self._tidy.set()

    async def stop(self) -> None:
        if self._tidying is not None:
            self._tidying.cancel()
            with suppress(asyncio.CancelledError):
                await self._tidying
        await self._previews.stop()
        await asyncio.gather(*(endpoint.stop() for endpoint in self._endpoints.values()))
        await self._routing.stop()

    # -------------------------------------------------------------------------------------------------------------

    def _view(self) -> GatewayView | None:
        if self._desired is None:
            return None
        return GatewayView(
            desired=self._desired,
            serving={name: endpoint.serving for name, endpoint in self._endpoints.items()},
            sockets=self._replicas.sockets(),
            previews_ready=self._previews.ready,
        )

    def _on_endpoint_changed(self) -> None:
        self._tidy.set()
        self._changed()

    async def _give_up(self, version_id: str) -> None:
        """A version that failed stops listening, or requests that were left in its backlog would wake it for ever;
        unless it answers elsewhere."""
        serving = {endpoint.serving for endpoint in self._endpoints.values()}
        if version_id not in serving and version_id not in self._previews.ready:
            await self._replicas.retire(version_id, forget=False)

    def _on_previews_changed(self) -> None:
        self._routing.request()
        self._tidy.set()
        self._changed()

    def _remember(self, endpoint_id: str, record: LiveRecord | None) -> None:
        before = self._live.get(endpoint_id)
        if record == before:
            return
        if record is None:
            self._live.pop(endpoint_id, None)
        else:
            self._live[endpoint_id] = record
        write_durably(self._live_path, json.dumps({k: asdict(v) for k, v in self._live.items()}).encode())

    async def _keep_tidy(self) -> None:
        """After each change: standby versions listen for a rollback, and what nobody needs is stopped."""
        while True:
            await self._tidy.wait()
            self._tidy.clear()
            try:
                await self._prepare_standby()
                await self._retire_unused()
            except Exception:
                logger.exception("tidying")

    async def _prepare_standby(self) -> None:
        desired = self._desired
        if desired is None:
            return
        versions = {version.version_id: version for version in desired.versions}
        listening = self._replicas.sockets()
        for endpoint in desired.endpoints:
            for split in () if endpoint.stopped else endpoint.standby:
                version = versions.get(split.version_id)
                if version is None or split.version_id in listening:
                    continue
                try:
                    check_release(endpoint, split, version, self._trust)
                    await self._replicas.prepare(version)
                except Refused as problem:
                    self._replicas.refuse(version, str(problem))
                except (PlatformError, LauncherGone, OSError, RuntimeError) as problem:
                    # Not needed now; a rollback tries again and says what is wrong.
                    logger.warning("standby version %s: %s", split.version_id, problem)

    async def _retire_unused(self) -> None:
        desired = self._desired
        if desired is None:
            return
        used = set(self._previews.versions)
        for endpoint in self._endpoints.values():
            used |= endpoint.versions_in_use()
        unused = self._replicas.known() - used
        listening = self._replicas.sockets()
        if any(name in listening for name in unused):
            # Envoy first, so that no request is sent to a socket that is going away.
            with suppress(PlatformError):
                await self._routing.publish()
        named = {version.version_id for version in desired.versions}
        # Draining may take half a minute; nothing waits for it.
        for name in unused:
            if name in named and name not in listening:
                continue
            self._spawn(self._replicas.retire(name, forget=name not in named))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)


def _read_live(path: Path) -> dict[str, LiveRecord]:
    with suppress(OSError, ValueError, TypeError):
        return {name: LiveRecord(**record) for name, record in json.loads(path.read_text()).items()}
    return {}
