"""The node agent: composition, the conversations with the control plane, and the end of everything below it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import random
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from modelyard.contracts.desired_state import DesiredState
from modelyard.contracts.node_status import NodeStatus
from modelyard.infra.crypto.ed25519 import SigningKey
from modelyard.infra.crypto.key_files import read_private_file
from modelyard.infra.processes.orphans import adopt_orphans
from modelyard.infra.processes.paths import make_run_dir
from modelyard.kernel.clock import SystemClock, from_rfc3339, to_rfc3339
from modelyard.kernel.errors import PlatformError
from modelyard.node.cells.checks import Checks
from modelyard.node.cells.identities import CellIdentities
from modelyard.node.cells.jobs import CellJobs
from modelyard.node.cells.ledger import JobLedger
from modelyard.node.cells.specs import CellFactory
from modelyard.node.control_plane import ControlPlane, ControlPlaneUnavailable
from modelyard.node.durable_files import write_durably
from modelyard.node.environments.interpreters import Interpreters
from modelyard.node.environments.locking import Locker
from modelyard.node.environments.materializing import Environments
from modelyard.node.environments.uv import Uv
from modelyard.node.gateway import Gateway, GatewaySettings
from modelyard.node.queries import Queries
from modelyard.node.settings import NodeSettings
from modelyard.node.supervisor.launcher_client import LauncherClient
from modelyard.node.supervisor.replicas import Replicas
from modelyard.node.supervisor.supervisor import Supervisor
from modelyard.node.verification import CellJobRefused, DesiredStateRefused, read_desired_state
from modelyard.node.versions.cache import VersionCache
from modelyard.trust.keys import read_node_trust

logger = logging.getLogger(__name__)

TRUST_FILE = "trust.json"
POLL_WAIT_S = 25.0
STATUS_EVERY_S = 10.0
RETRY_FIRST_S, RETRY_MAX_S = 0.1, 15.0
LOOK_AROUND_AFTER_S = 2.0
STOP_GRACE_S = 10.0


class NodeBusy(RuntimeError):
    """Another agent runs for this home."""


class Agent:
    """`run` is its life. Everything it starts dies with it."""

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        node_dir = settings.node_dir
        node_dir.mkdir(parents=True, exist_ok=True)
        # Cells walk through it to their files; what is private in it has a mode of its own.
        os.chmod(node_dir, 0o711)
        settings.log_dir.mkdir(exist_ok=True, mode=0o700)
        self._run_dir = make_run_dir(settings.home)
        self._alone = _lock(node_dir / "agent.lock")
        self._trust = read_node_trust(node_dir / TRUST_FILE)
        key = SigningKey.from_pem(read_private_file(node_dir / "node.pem"))
        self._control = ControlPlane(settings.control_socket, self._trust.node_id, key)
        self._stopping = asyncio.Event()
        self._status_due = asyncio.Event()
        self._stale = False
        self._seen_number = 0
        self._contacted = False
        self._lease_end: datetime | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._query_tasks: set[asyncio.Task[None]] = set()
        self._wire()

    def _wire(self) -> None:
        settings, node_dir = self._settings, self._settings.node_dir
        uv = Uv(settings)
        self._interpreters = Interpreters(settings, uv)
        self._environments = Environments(node_dir / "environments", uv, self._interpreters)
        self._cache = VersionCache(node_dir / "cache", self._control)
        self._launcher = LauncherClient(sys.executable, settings.log_dir / "launcher.log")
        cells = CellFactory(node_dir, CellIdentities(node_dir / "uids.json"), network=settings.cell_network)
        self._replicas = Replicas(
            self._launcher, self._cache, self._environments, cells,
            socket_dir=self._run_dir / "w", log_dir=settings.log_dir / "replicas", changed=self._status_due.set,
        )  # fmt: skip
        self._gateway = Gateway(
            GatewaySettings(
                port=settings.port, listen_host=settings.listen_host, run_dir=self._run_dir,
                log_dir=settings.log_dir, state_dir=node_dir, control_socket=settings.control_socket,
                envoy_path=settings.envoy_path, certificate_file=settings.certificate_file, key_file=settings.key_file,
            ),
            on_restart=self._on_gateway_restart,
        )  # fmt: skip
        self._supervisor = Supervisor(
            self._replicas, self._gateway, self._trust, self._clock, live_path=node_dir / "live.json",
            changes_max=settings.changes_max, changed=self._status_due.set,
        )  # fmt: skip
        self._jobs = CellJobs(
            self._control, self._trust, JobLedger(node_dir / "jobs.log", self._clock.now()), self._clock,
            locker=Locker(uv, self._interpreters), environments=self._environments, cache=self._cache,
            checks=Checks(self._launcher, self._cache, self._environments, cells), jobs_max=settings.cell_jobs_max,
        )  # fmt: skip
        self._queries = Queries(self._gateway, self._replicas, self._interpreters, settings.home)
        self._launcher.on_event = self._replicas.on_event
        self._launcher.on_restart = self._on_launcher_restart

    # Life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until `request_stop`. Raises what keeps it from starting."""
        adopt_orphans()
        try:
            await asyncio.gather(self._gateway.start(), self._launcher.start())
            self._supervisor.start()
            self._start_from_disk()
            logger.info("node %s runs on port %s", self._trust.node_id, self._settings.port)
            self._tasks = [
                asyncio.create_task(work, name=name)
                for name, work in (
                    ("desired-state", self._for_ever(self._follow_desired_state)),
                    ("orders", self._for_ever(self._follow_orders)),
                    ("status", self._for_ever(self._report)),
                    ("lease", self._watch_lease()),
                    ("interpreters", self._look_around()),
                )
            ]
            await self._stopping.wait()
        finally:
            await self._shut_down()

    def request_stop(self) -> None:
        self._stopping.set()

    async def _shut_down(self) -> None:
        for task in [*self._tasks, *self._query_tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._query_tasks, return_exceptions=True)
        await self._jobs.stop()
        await self._supervisor.stop()
        # Envoy first: it lets requests under way finish, for which the workers are needed.
        await self._gateway.stop()
        await self._launcher.stop(STOP_GRACE_S)
        await self._control.close()
        os.close(self._alone)

    async def _look_around(self) -> None:
        """Finds out early which Pythons there are, so that no build waits for it; but not so early that the start does:
        it runs every interpreter there is."""
        await asyncio.sleep(LOOK_AROUND_AFTER_S)
        try:
            await self._interpreters.find_all()
        except (OSError, PlatformError) as problem:
            logger.warning("looking for Python: %s", problem)
        self._status_due.set()

    # Desired state ------------------------------------------------------------------------------------------------

    @property
    def _state_path(self) -> Path:
        return self._settings.node_dir / "desired_state.json"

    def _start_from_disk(self) -> None:
        """The last good state, verified again: a file is no more trusted than the network."""
        try:
            envelope = json.loads(self._state_path.read_bytes())
            state = read_desired_state(envelope, self._trust, 0)
        except FileNotFoundError:
            return
        except (ValueError, DesiredStateRefused) as problem:
            logger.error("the saved desired state is not used: %s", problem)
            return
        locks = {str(version.document.get("environment", {}).get("lock_digest")) for version in state.versions}
        self._cache.prune({version.digest for version in state.versions}, locks)
        self._take(state)

    async def _follow_desired_state(self) -> None:
        # Before the first answer 0: after a restart even the same number brings a fresh lease and probe token.
        after = self._seen_number if self._contacted else 0
        envelope = await self._control.wait_desired_state(after, POLL_WAIT_S)
        if envelope is None:
            self._contacted = True
            return
        state = read_desired_state(envelope, self._trust, self._seen_number)
        write_durably(self._state_path, json.dumps(envelope).encode())
        self._contacted = True
        self._take(state)

    def _take(self, state: DesiredState) -> None:
        self._seen_number = state.number
        self._lease_end = from_rfc3339(state.expires_at)
        self._note_lease()
        self._supervisor.apply(state)

    def _note_lease(self) -> None:
        stale = self._lease_end is not None and self._clock.now() >= self._lease_end
        if stale != self._stale:
            self._stale = stale
            self._status_due.set()
            if stale:
                logger.warning("the lease of desired state %s ended; going on with it", self._seen_number)

    async def _watch_lease(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._note_lease()

    # Orders -------------------------------------------------------------------------------------------------------

    async def _follow_orders(self) -> None:
        orders = await self._control.wait_orders(POLL_WAIT_S)
        for envelope in orders.get("jobs", ()):
            try:
                self._jobs.accept(envelope)
            except CellJobRefused as problem:
                logger.error("%s", problem)
        for query in orders.get("queries", ()):
            task = asyncio.create_task(self._answer(query), name="query")
            self._query_tasks.add(task)
            task.add_done_callback(self._query_tasks.discard)

    async def _answer(self, query: dict[str, Any]) -> None:
        try:
            answer = await self._queries.answer(str(query["kind"]), dict(query.get("params") or {}))
            await self._control.post_answer(str(query["id"]), answer)
        except (KeyError, TypeError, ValueError, PlatformError) as problem:
            logger.warning("query %s: %s", query, problem)

    # Status -------------------------------------------------------------------------------------------------------

    async def _report(self) -> None:
        """After every change, and at least every STATUS_EVERY_S seconds."""
        with suppress(TimeoutError):
            # Not `wait_for`: Python 3.11's may swallow the cancellation that ends us.
            async with asyncio.timeout(STATUS_EVERY_S):
                await self._status_due.wait()
        self._status_due.clear()
        self._replicas.trim_logs()
        try:
            await self._control.post_status(self.status())
        except ControlPlaneUnavailable:
            self._status_due.set()
            raise

    def status(self) -> NodeStatus:
        replicas, endpoints = self._supervisor.statuses()
        envoy = {**self._gateway.status(), "routing_problem": self._supervisor.routing_problem}
        return NodeStatus(
            self._trust.node_id, self._supervisor.number, to_rfc3339(self._clock.now()), 0,
            self._queries.describe_host(), envoy, replicas, endpoints, self._stale,
        )  # fmt: skip

    # -------------------------------------------------------------------------------------------------------------

    async def _for_ever(self, step: Callable[[], Awaitable[None]]) -> None:
        """Repeats the step; after a problem with growing, jittered pauses, so that many nodes don't come at once."""
        pause_s = RETRY_FIRST_S
        while True:
            try:
                await step()
                pause_s = RETRY_FIRST_S
                continue
            except ControlPlaneUnavailable as problem:
                logger.info("%s", problem)
            except PlatformError as problem:
                logger.error("%s", problem)
            except Exception:
                logger.exception("%s", step.__name__)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(RETRY_MAX_S, pause_s * 2)

    def _on_gateway_restart(self) -> None:
        self._supervisor.on_gateway_restart()
        self._status_due.set()

    def _on_launcher_restart(self) -> None:
        task = asyncio.create_task(self._supervisor.on_launcher_restart(), name="relisten")
        self._query_tasks.add(task)
        task.add_done_callback(self._query_tasks.discard)


def _lock(path: Path) -> int:
    """Held until the process ends, however it ends. Raises NodeBusy."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise NodeBusy(f"another node agent runs for {path.parent.parent}. Stop it first.") from None
    return descriptor
