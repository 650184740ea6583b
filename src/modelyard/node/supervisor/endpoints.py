"""One endpoint's way from what is desired to what answers: the predecessor serves until its successor is proved.

Each endpoint has a task of its own, so that one that fails, or waits for a download, holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from modelyard.contracts.desired_state import DesiredState, EndpointPhase, EndpointState, SplitState, VersionState
from modelyard.contracts.node_status import EndpointStatus
from modelyard.kernel.clock import Clock, to_rfc3339
from modelyard.kernel.errors import ErrorKind, PlatformError
from modelyard.node.gateway import ProbeAnswer
from modelyard.node.supervisor.asking import WrongAnswer, check_answer
from modelyard.node.supervisor.launcher_client import LauncherGone
from modelyard.node.supervisor.replicas import Replicas
from modelyard.node.verification import Refused, check_release
from modelyard.trust.keys import NodeTrust

logger = logging.getLogger(__name__)

PROBE_DEADLINE_S = 10.0
PROBE_PAUSE_S = 0.02
RETRY_FIRST_S, RETRY_MAX_S = 1.0, 60.0
PROBLEM_CHARS_MAX = 16 * 1024
# What the gateway says while it does not know the route yet, or the token's keys.
_NOT_YET = (404, 429, 502, 503, 504)
_NO_TOKEN = (401, 403)


class Prober(Protocol):
    async def probe(self, project: str, endpoint: str, rows: list[dict[str, Any]], token: str) -> ProbeAnswer: ...


@dataclass(frozen=True, slots=True)
class LiveRecord:
    """What was proved to answer, kept on disk: after a restart it is routed to at once and loaded by demand."""

    version_id: str
    release_id: str
    live_at: str


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What every endpoint works with. `publish` returns when Envoy follows, `request` at once; `give_up` stops a
    version that failed; `slots` bounds changes under way."""

    replicas: Replicas
    trust: NodeTrust
    clock: Clock
    prober: Prober
    publish: Callable[[], Awaitable[None]]
    request: Callable[[], None]
    changed: Callable[[], None]
    remember: Callable[[str, LiveRecord | None], None]
    give_up: Callable[[str], Awaitable[None]]
    slots: asyncio.Semaphore


class Endpoint:
    """Its present state, and the task that works towards the desired one."""

    def __init__(self, endpoint_id: str, around: Surroundings, live: LiveRecord | None) -> None:
        self._endpoint_id = endpoint_id
        self._around = around
        self._desired: DesiredState | None = None
        self._wanted: EndpointState | None = None
        self._versions: dict[str, VersionState] = {}
        self._target: tuple[str, ...] | None = None
        self._task: asyncio.Task[None] | None = None
        self._proved = live
        self._problem = ""
        self._failed_release_id: str | None = None
        self._phase: EndpointPhase = "empty"
        self.serving: str | None = None
        self.live = live

    def update(self, desired: DesiredState, wanted: EndpointState, versions: dict[str, VersionState]) -> None:
        """Begins to make it so; a change under way towards something else is given up."""
        self._desired, self._wanted, self._versions = desired, wanted, versions
        split = choose_split(wanted)
        target = ("stopped",) if wanted.stopped else _identify(split, versions)
        if target == self._target:
            return
        self._target = target
        previous = self._task
        if previous is not None:
            previous.cancel()
        self._task = asyncio.create_task(self._become(wanted, split, previous), name=f"endpoint-{wanted.name}")

    def versions_in_use(self) -> set[str]:
        """Version ids that must go on listening for this endpoint."""
        used = {self.serving} if self.serving else set()
        if self._wanted is not None and not self._wanted.stopped:
            used |= {split.version_id for split in (*self._wanted.splits, *self._wanted.standby)}
        return used

    def status(self) -> EndpointStatus:
        live = self.live if self.serving else None
        return EndpointStatus(
            self._endpoint_id, self._phase, self.serving, live.release_id if live else None,
            live.live_at if live else None, self._failed_release_id, self._problem,
        )  # fmt: skip

    async def stop(self) -> None:
        """Gives up what is under way; what serves goes on."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    # Towards the target -------------------------------------------------------------------------------------------

    async def _become(
        self, wanted: EndpointState, split: SplitState | None, previous: asyncio.Task[None] | None
    ) -> None:
        if previous is not None:
            # It puts back what served before it; only then is it known what our predecessor is.
            await asyncio.wait({previous})
        if wanted.stopped or split is None:
            await self._serve_nothing("stopped" if wanted.stopped else "empty")
            return
        pause_s = RETRY_FIRST_S
        while True:
            try:
                await self._bring_up(wanted, split)
                return
            except (PlatformError, LauncherGone, WrongAnswer, OSError, httpx.HTTPError, RuntimeError) as problem:
                if not _is_passing(problem):
                    await self._fail(split, problem)
                    return
                self._problem = str(problem)[:PROBLEM_CHARS_MAX]
                self._around.changed()
            except Exception as problem:  # one endpoint's surprise must not end its task unseen
                logger.exception("endpoint %s", wanted.name)
                await self._fail(split, problem)
                return
            await asyncio.sleep(pause_s)
            pause_s = min(RETRY_MAX_S, pause_s * 2)

    async def _serve_nothing(self, phase: EndpointPhase) -> None:
        self.serving, self.live, self._problem, self._failed_release_id = None, None, "", None
        with suppress(PlatformError):
            await self._around.publish()
        self._phase = phase
        self._around.remember(self._endpoint_id, None)
        self._around.changed()

    async def _bring_up(self, wanted: EndpointState, split: SplitState) -> None:
        """Verify, fetch, listen, ask directly, route, ask through Envoy: live. A failure leaves the predecessor."""
        around, predecessor = self._around, self.serving
        if predecessor is None:
            self._phase = "preparing"
        around.changed()
        version = self._get_version(wanted, split)
        if self._is_proved(split):
            await around.replicas.prepare(version)
            await self._route(split)
            self._note_live(split, self._proved.live_at if self._proved else "")
            return
        async with around.slots:
            await around.replicas.prepare(version)
            await around.replicas.wait_ready(version)
        was_live = self.live
        try:
            await self._route(split)
            await self._prove(wanted, version)
        except BaseException:
            self.serving, self.live = predecessor, was_live
            around.request()
            raise
        self._note_live(split, to_rfc3339(around.clock.now()))

    def _get_version(self, wanted: EndpointState, split: SplitState) -> VersionState:
        """The version, verified. Raises Refused."""
        version = self._versions.get(split.version_id)
        if version is None:
            raise Refused(what=f"version {split.version_id}", reason="desired state does not describe it")
        try:
            check_release(wanted, split, version, self._around.trust)
        except Refused as problem:
            self._around.replicas.refuse(version, str(problem))
            raise
        return version

    def _is_proved(self, split: SplitState) -> bool:
        """Whether this release answered rightly before (here, before a restart): then it is loaded by demand."""
        proved = self._proved
        return proved is not None and (proved.version_id, proved.release_id) == (split.version_id, split.release_id)

    async def _route(self, split: SplitState) -> None:
        self.serving = split.version_id
        await self._around.publish()

    async def _prove(self, wanted: EndpointState, version: VersionState) -> None:
        """Asks through Envoy until the answer is right. Raises WrongAnswer, or GatewayNotReady after the deadline."""
        deadline = time.monotonic() + PROBE_DEADLINE_S
        while version.sample and self._desired is not None and self._desired.probe_token:
            try:
                answer = await self._around.prober.probe(
                    wanted.project, wanted.name, version.sample, self._desired.probe_token
                )
                status: int = answer.status
                if status in _NO_TOKEN:
                    # The lease ran out without contact; the worker was asked directly, and callers' tokens are theirs.
                    logger.warning("endpoint %s: the probe's token is not accepted (%s)", wanted.name, status)
                    return
                if status not in _NOT_YET:
                    check_answer(status, answer.body, version.sample_output)
                    return
            except httpx.HTTPError as problem:
                status = 0
                logger.info("endpoint %s: probe: %r", wanted.name, problem)
            if time.monotonic() > deadline:
                raise GatewayNotReady(endpoint=wanted.name, status=status, deadline_s=PROBE_DEADLINE_S)
            await asyncio.sleep(PROBE_PAUSE_S)

    def _note_live(self, split: SplitState, live_at: str) -> None:
        self.live = self._proved = LiveRecord(split.version_id, split.release_id, live_at)
        self._phase, self._problem, self._failed_release_id = "live", "", None
        self._around.remember(self._endpoint_id, self.live)
        self._around.changed()

    async def _fail(self, split: SplitState, problem: Exception) -> None:
        logger.error("release %s failed: %s", split.release_id, problem)
        self._failed_release_id = split.release_id
        self._problem = str(problem)[-PROBLEM_CHARS_MAX:]
        self._phase = "live" if self.serving else "failed"
        self._around.changed()
        await self._around.give_up(split.version_id)


class GatewayNotReady(PlatformError):
    kind = ErrorKind.UNAVAILABLE
    code = "node.gateway_not_ready"
    message = "Endpoint {endpoint} did not answer through the gateway within {deadline_s:.0f} s (last status {status})."
    hint = "See the node's envoy.log."


def choose_split(wanted: EndpointState) -> SplitState | None:
    """The split that gets the traffic: the largest, the first of equals."""
    return max(wanted.splits, key=lambda split: split.traffic_percent, default=None)


def _identify(split: SplitState | None, versions: dict[str, VersionState]) -> tuple[str, ...]:
    """What makes a target another one, so that work on it begins anew."""
    if split is None:
        return ()
    version = versions.get(split.version_id)
    return (split.version_id, split.release_id, version.digest if version else "")


def _is_passing(problem: Exception) -> bool:
    """Whether trying again later may help without anybody changing anything."""
    if isinstance(problem, LauncherGone):
        return True
    return isinstance(problem, PlatformError) and problem.kind in (ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT)
