"""The replicas of this machine: from a verified version to a listening socket to a worker that answers rightly."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelyard.contracts.desired_state import ReplicaPhase, VersionState
from modelyard.contracts.node_status import ReplicaStatus
from modelyard.contracts.version_document import VersionDocument
from modelyard.kernel.errors import ErrorKind, PlatformError
from modelyard.node.cells.specs import CellFactory
from modelyard.node.environments.materializing import Environments
from modelyard.node.launcher.confinement import CellSpec
from modelyard.node.supervisor.asking import WrongAnswer, ask, check_answer
from modelyard.node.supervisor.launcher_client import Event, LauncherClient, LauncherGone
from modelyard.node.versions.cache import VersionCache

logger = logging.getLogger(__name__)

READY_TIMEOUT_S = 60.0
ENVIRONMENT_TIMEOUT_S = 900.0
DRAIN_S = 30.0
PROBLEM_BYTES_MAX = 16 * 1024
LOG_BYTES_MAX = 16 * 1024 * 1024
GOOD_TIME_S = 3600.0


class ReplicaFailed(PlatformError):
    """The version does not come up; the text holds its traceback."""

    kind = ErrorKind.INTERNAL
    code = "node.replica_failed"
    message = "{model} {version} does not answer: {reason}"
    hint = "Read its log, correct the model and push again."


@dataclass(slots=True, eq=False)
class Replica:
    """`crashed` is set by the launcher's word and awaited by whoever waits for readiness."""

    version: VersionState
    socket_path: Path
    log_path: Path
    phase: ReplicaPhase = "preparing"
    listening: bool = False
    pid: int | None = None
    restarts: int = 0
    last_crash_at: float = 0.0
    problem: str = ""
    started_at: float = 0.0
    started_ms: float | None = None
    log_start: int = 0
    cell: CellSpec | None = None
    spec: dict[str, Any] = field(default_factory=dict)
    idle_s: float = 300.0
    keep_warm: bool = False
    crashed: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Replicas:
    def __init__(
        self, launcher: LauncherClient, cache: VersionCache, environments: Environments, cells: CellFactory, *,
        socket_dir: Path, log_dir: Path, changed: Callable[[], None],
    ) -> None:  # fmt: skip
        self._launcher = launcher
        self._cache = cache
        self._environments = environments
        self._cells = cells
        self._socket_dir = socket_dir
        self._log_dir = log_dir
        self._changed = changed
        self._replicas: dict[str, Replica] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        for folder in (socket_dir, log_dir):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    # Asked by the supervisor ------------------------------------------------------------------------------------

    async def prepare(self, version: VersionState) -> None:
        """Returns when the version listens. The caller has verified it. Raises PlatformError, LauncherGone."""
        replica = self._replicas.get(version.version_id)
        if replica is None:
            replica = self._replicas[version.version_id] = self._new(version)
        async with replica.lock:
            if replica.listening:
                return
            # It may have been retired and forgotten while we waited for the lock.
            replica = self._replicas.setdefault(version.version_id, replica)
            replica.phase, replica.problem = "preparing", ""
            self._changed()
            try:
                await self._fetch(replica)
                await self._listen(replica)
            except BaseException as problem:
                replica.phase, replica.problem = "crashed", str(problem)[:PROBLEM_BYTES_MAX]
                self._changed()
                raise

    async def wait_ready(self, version: VersionState) -> None:
        """Starts the worker and returns when its answer to the sample rows is the recorded one. Raises ReplicaFailed
        with the traceback."""
        replica = self._replicas[version.version_id]
        if not replica.listening:
            raise LauncherGone("the replica stopped listening")
        replica.crashed.clear()
        replica.log_start = _size(replica.log_path)
        started = time.monotonic()
        self._launcher.start_worker(version.version_id)
        asking = asyncio.ensure_future(self._ask_sample(replica))
        crash = asyncio.ensure_future(replica.crashed.wait())
        try:
            await asyncio.wait({asking, crash}, timeout=READY_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
            reason = self._judge(replica, asking, crash.done())
        finally:
            for task in (asking, crash):
                task.cancel()
            await asyncio.gather(asking, crash, return_exceptions=True)
        if reason:
            replica.phase, replica.problem = "crashed", _tail_bytes(reason)
            self._changed()
            raise ReplicaFailed(model=version.model, version=version.version, reason=_tail_bytes(reason))
        if replica.started_ms is None:
            replica.started_ms = round((time.monotonic() - started) * 1000, 1)
        replica.phase, replica.problem = "ready", ""
        self._changed()

    def refuse(self, version: VersionState, problem: str) -> None:
        """Shows that the version was not loaded, and why."""
        replica = self._replicas.setdefault(version.version_id, self._new(version))
        if not replica.listening:
            replica.phase, replica.problem = "refused", problem[:PROBLEM_BYTES_MAX]
            self._changed()

    async def retire(self, version_id: str, *, forget: bool) -> None:
        """Stops listening, lets the worker drain. Unless `forget`, its last phase and problem stay to be read."""
        replica = self._replicas.get(version_id)
        if replica is None:
            return
        async with replica.lock:
            if replica.listening:
                replica.listening = False
                await self._launcher.stop_replica(version_id, DRAIN_S)
            replica.pid = None
            if forget:
                self._replicas.pop(version_id, None)
                replica.log_path.unlink(missing_ok=True)
            elif replica.phase not in ("crashed", "refused"):
                replica.phase = "stopped"
        self._changed()

    def sockets(self) -> dict[str, str]:
        """version_id -> socket path, of what listens."""
        return {name: str(replica.socket_path) for name, replica in self._replicas.items() if replica.listening}

    def known(self) -> set[str]:
        return set(self._replicas)

    def statuses(self) -> tuple[ReplicaStatus, ...]:
        return tuple(
            ReplicaStatus(
                name, replica.phase, replica.pid, replica.restarts, replica.problem, replica.started_ms,
                _memory_bytes(replica.pid),
            )
            for name, replica in sorted(self._replicas.items())
        )  # fmt: skip

    def read_log(self, version_id: str, tail: int) -> list[str]:
        """The last lines that the version's workers wrote."""
        replica = self._replicas.get(version_id)
        if replica is None:
            return []
        return _tail(replica.log_path, 0, 1024 * 1024).splitlines()[-tail:]

    def trim_logs(self) -> None:
        """Cuts logs that grew beyond LOG_BYTES_MAX; they are opened for appending, so writers go on at the new end."""
        for replica in self._replicas.values():
            if _size(replica.log_path) > LOG_BYTES_MAX:
                kept = _tail(replica.log_path, 0, 1024 * 1024)
                with replica.log_path.open("r+b") as file:
                    file.truncate(0)
                    file.write(b"(older lines were cut)\n" + kept.encode())
                replica.log_start = 0

    # Told by the launcher ---------------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        replica = self._replicas.get(str(event.get("id")))
        if replica is None:
            return
        if event["event"] == "started":
            replica.pid, replica.phase = int(event["pid"]), "starting"
            replica.crashed.clear()
            replica.started_ms, replica.started_at = None, time.monotonic()
            self._spawn(self._note_ready(replica, replica.pid))
        elif event["event"] == "exited":
            self._note_exit(replica, event)
        self._changed()

    def _note_exit(self, replica: Replica, event: Event) -> None:
        replica.pid = None
        if event.get("expected"):
            replica.phase = "idle" if replica.listening else "stopped"
            return
        now = time.monotonic()
        # Restarts count since the last good hour.
        replica.restarts = 1 if now - replica.last_crash_at > GOOD_TIME_S else replica.restarts + 1
        replica.last_crash_at = now
        replica.phase = "crashed"
        replica.problem = _tail_bytes(_describe_exit(event) + "\n" + _tail(replica.log_path, replica.log_start))
        replica.crashed.set()

    async def relisten(self) -> None:
        """After a new launcher came up: every socket again, and the workers that were running."""
        for replica in list(self._replicas.values()):
            was_running = replica.phase in ("ready", "starting") or replica.keep_warm
            if not replica.listening:
                continue
            replica.listening, replica.pid = False, None
            async with replica.lock:
                with suppress(LauncherGone, RuntimeError):
                    await self._listen(replica, eager=was_running)

    # How ----------------------------------------------------------------------------------------------------------

    def _new(self, version: VersionState) -> Replica:
        short = hashlib.sha256(version.version_id.encode()).hexdigest()[:16]
        return Replica(version, self._socket_dir / f"{short}.sock", self._log_dir / f"{version.version_id}.log")

    async def _fetch(self, replica: Replica) -> None:
        version = replica.version
        document = VersionDocument.from_json(version.document)
        lock_path = await self._cache.get_blob(document.environment.lock_digest)
        lock = await asyncio.to_thread(lock_path.read_text)
        environment = await self._environments.materialize(
            lock, document.environment.python, None, ENVIRONMENT_TIMEOUT_S, logger.info
        )
        files_dir = await self._cache.get_files(document)
        replica.cell = self._cells.make(
            version.project_id, environment, document.resources.memory_mib, document.preload
        )
        replica.idle_s = float(document.scaling.idle_s)
        replica.keep_warm = document.scaling.replicas_min > 0
        replica.spec = {
            "project": version.project, "model": version.model, "version": version.version,
            "version_id": version.version_id, "files_dir": str(files_dir), "entry": version.document["entry"],
            "schema": version.document["schema"], "timeout_s": document.resources.timeout_s,
            "body_bytes_max": 64 * 1024 * 1024, "sample": version.sample,
        }  # fmt: skip

    async def _listen(self, replica: Replica, *, eager: bool = False) -> None:
        assert replica.cell is not None, "fetched first"
        await self._launcher.listen(
            replica.version.version_id, replica.socket_path, replica.cell, replica.spec, replica.log_path,
            idle_s=0.0 if replica.keep_warm else replica.idle_s, eager=eager or replica.keep_warm,
        )  # fmt: skip
        replica.listening = True
        if replica.pid is None:
            replica.phase = "idle"
        self._changed()

    async def _ask_sample(self, replica: Replica) -> None:
        version = replica.version
        name = f"{version.project}.{version.model}"
        if version.sample:
            path = f"/v2/models/{name}/predict"
            status, answer = await ask(replica.socket_path, "POST", path, {"rows": version.sample})
            check_answer(status, answer, version.sample_output)
            return
        status, answer = await ask(replica.socket_path, "GET", f"/v2/models/{name}/ready")
        if status != 200:
            raise WrongAnswer(f"its readiness check got status {status}: {answer}")

    def _judge(self, replica: Replica, asking: asyncio.Future[None], crashed: bool) -> str:
        """Empty if the worker answered rightly, else why not."""
        if crashed:
            return replica.problem or "the worker crashed"
        if not asking.done():
            return f"no answer to the sample rows within {READY_TIMEOUT_S:.0f} s\n" + _tail(
                replica.log_path, replica.log_start
            )
        problem = asking.exception()
        if problem is None:
            return ""
        return f"{problem}\n{_tail(replica.log_path, replica.log_start)}".strip()

    async def _note_ready(self, replica: Replica, pid: int) -> None:
        """A worker that a request woke says when it has loaded."""
        name = f"{replica.version.project}.{replica.version.model}"
        asking = asyncio.ensure_future(ask(replica.socket_path, "GET", f"/v2/models/{name}/ready"))
        crash = asyncio.ensure_future(replica.crashed.wait())
        try:
            await asyncio.wait({asking, crash}, timeout=READY_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
            good = asking.done() and asking.exception() is None and asking.result()[0] == 200
        finally:
            asking.cancel()
            crash.cancel()
            await asyncio.gather(asking, crash, return_exceptions=True)
        if good and replica.pid == pid and replica.phase == "starting":
            replica.phase, replica.problem = "ready", ""
            replica.started_ms = round((time.monotonic() - replica.started_at) * 1000, 1)
            self._changed()

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _describe_exit(event: Event) -> str:
    status = event.get("status")
    if event.get("reason") == "zygote":
        return f"The zygote of its environment ended with status {status}; the node's launcher.log says why."
    if status == 71:
        return "The worker ran out of its memory limit."
    if isinstance(status, int) and status < 0:
        return f"The worker was killed by signal {-status}."
    return f"The worker ended with status {status} ({event.get('reason')})."


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _tail(path: Path, start: int, bytes_max: int = PROBLEM_BYTES_MAX) -> str:
    """The end of the file, from `start` on at the earliest."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(start if start <= size else 0, size - bytes_max))
            return file.read(bytes_max).decode(errors="replace")
    except FileNotFoundError:
        return ""


def _tail_bytes(text: str) -> str:
    """A traceback's meaning is at its end, so that is what stays."""
    data = text.encode(errors="replace")
    return text if len(data) <= PROBLEM_BYTES_MAX else data[-PROBLEM_BYTES_MAX:].decode(errors="ignore")


def _memory_bytes(pid: int | None) -> int | None:
    if pid is None:
        return None
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    return None
