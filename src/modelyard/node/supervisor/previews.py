"""Built versions that project members may look at before anybody approves them, for a day at most."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from modelyard.contracts.desired_state import PreviewState, VersionState
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import PlatformError
from modelyard.node.supervisor.launcher_client import LauncherGone
from modelyard.node.supervisor.replicas import Replicas
from modelyard.node.verification import Refused, check_preview
from modelyard.trust.keys import NodeTrust

logger = logging.getLogger(__name__)
RETRY_S = 5.0


class Previews:
    """`ready` are version ids that Envoy may send previews to; the end of each is the statement's, not the sender's."""

    def __init__(self, replicas: Replicas, trust: NodeTrust, clock: Clock, *, changed: Callable[[], None]) -> None:
        self._replicas = replicas
        self._trust = trust
        self._clock = clock
        self._changed = changed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._states: dict[str, PreviewState] = {}
        self._ready: set[str] = set()

    @property
    def ready(self) -> frozenset[str]:
        return frozenset(self._ready)

    @property
    def versions(self) -> frozenset[str]:
        """Version ids that must go on listening for previews."""
        return frozenset(name for name, task in self._tasks.items() if not task.done())

    def update(self, wanted: tuple[PreviewState, ...], versions: dict[str, VersionState]) -> None:
        states = {preview.version_id: preview for preview in wanted}
        for name in list(self._tasks):
            if name not in states or states[name].statement != self._states[name].statement:
                self._tasks.pop(name).cancel()
                self._ready.discard(name)
        for name, preview in states.items():
            if name not in self._tasks and name in versions:
                self._tasks[name] = asyncio.create_task(self._show(preview, versions[name]), name=f"preview-{name}")
        self._states = states

    async def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _show(self, preview: PreviewState, version: VersionState) -> None:
        """Until the statement's end, or until cancelled."""
        name = version.version_id
        try:
            expires = check_preview(preview, version, self._trust, self._clock.now())
            await self._bring_up(version, expires)
            self._ready.add(name)
            self._changed()
            # In hops: a clock that is set, or a machine that slept, must not keep a preview past its end.
            while (left_s := (expires - self._clock.now()).total_seconds()) > 0:  # noqa: ASYNC110  waits for a time
                await asyncio.sleep(min(left_s, 60.0))
        except Refused as problem:
            self._replicas.refuse(version, str(problem))
        except PlatformError as problem:
            logger.warning("preview of %s: %s", name, problem)
        finally:
            self._ready.discard(name)
            asyncio.get_running_loop().call_soon(self._changed)

    async def _bring_up(self, version: VersionState, expires: datetime) -> None:
        """Tries until it answers, or until trying again can't help. Raises PlatformError."""
        while True:
            try:
                await self._replicas.prepare(version)
                await self._replicas.wait_ready(version)
                return
            except (LauncherGone, OSError) as problem:
                logger.warning("preview of %s: %s", version.version_id, problem)
            except PlatformError as problem:
                if problem.kind.value not in ("unavailable", "timeout") or self._clock.now() >= expires:
                    raise
            await asyncio.sleep(RETRY_S)
