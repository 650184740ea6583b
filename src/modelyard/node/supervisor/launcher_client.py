"""The agent's end of the launcher: starts it, restarts it, asks it, hears from it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelyard.infra.processes.children import kill_strays, start_child, stop_child
from modelyard.node.launcher import __file__ as launcher_init
from modelyard.node.launcher.confinement import CellSpec
from modelyard.node.launcher.messages import Channel, ChannelClosed, close_all

logger = logging.getLogger(__name__)

START_TIMEOUT_S = 10.0
# Linux: F_ADD_SEALS with SEAL | SHRINK | GROW | WRITE. The reader is untrusted and shares the file.
_SEALS = 0x1 | 0x2 | 0x4 | 0x8

Event = dict[str, Any]


class LauncherGone(RuntimeError):
    """The launcher ended; it is being restarted and everything has to be asked again."""


def memory_file(value: dict[str, Any]) -> int:
    """A sealed memory file holding the value as JSON; the caller closes it."""
    descriptor = os.memfd_create("spec", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    data = json.dumps(value, separators=(",", ":")).encode()
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor


class LauncherClient:
    """`on_event` gets every event that is not the answer to a question; `on_restart` is called after a new launcher is
    ready and knows nothing."""

    def __init__(self, python: str, log_path: Path) -> None:
        self._python = python
        self._log_path = log_path
        self._channel: Channel | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._answers: dict[tuple[str, str], asyncio.Future[Event]] = {}
        self._ready = asyncio.Event()
        self._stopping = False
        self.on_event: Callable[[Event], None] = lambda _event: None
        self.on_restart: Callable[[], None] = lambda: None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Returns when the launcher has said that it is ready. Raises TimeoutError."""
        await self._launch()
        self._watch = asyncio.create_task(self._keep_running())

    async def wait_ready(self, timeout_s: float) -> None:
        """Returns once a launcher runs, after a LauncherGone the next one. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            await self._ready.wait()

    async def _launch(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        script = Path(launcher_init).with_name("__main__.py")
        with theirs:
            self._process = await start_child(
                [self._python, "-I", "-S", str(script), "--control-fd", str(theirs.fileno())],
                log_path=self._log_path,
                environment={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                pass_fds=[theirs.fileno()],
                # Not SIGKILL: the launcher then still ends what models started and abandoned.
                sent_at_parent_death=signal.SIGTERM,
            )
        self._channel = Channel(ours)
        asyncio.get_running_loop().add_reader(ours.fileno(), self._on_readable)
        await asyncio.wait_for(self._ready.wait(), START_TIMEOUT_S)

    async def _keep_running(self) -> None:
        pause_s = 0.1
        while self._process is not None:
            status = await self._process.wait()
            self._disconnect()
            # What models started and abandoned was the launcher's to end; now it is ours.
            await kill_strays()
            if self._stopping:
                return
            logger.error("the launcher ended with status %s; starting another", status)
            while True:
                try:
                    await self._launch()
                    break
                except (OSError, TimeoutError):
                    logger.exception("the launcher does not start")
                    await asyncio.sleep(pause_s)
                    pause_s = min(5.0, pause_s * 2)
            pause_s = 0.1
            self.on_restart()

    def _disconnect(self) -> None:
        self._ready.clear()
        if self._channel is not None:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            asyncio.get_running_loop().remove_writer(self._channel.fileno())
            self._channel.close()
            self._channel = None
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_exception(LauncherGone("the launcher ended"))

    def _on_readable(self) -> None:
        try:
            while self._channel is not None and (received := self._channel.receive()) is not None:
                event, fds = received
                close_all(fds)
                self._hear(event)
        except ChannelClosed:
            if self._channel is not None:
                asyncio.get_running_loop().remove_reader(self._channel.fileno())

    def _hear(self, event: Event) -> None:
        kind, name = str(event.get("event")), str(event.get("id"))
        if kind == "ready":
            self._ready.set()
            return
        if kind == "failed":
            for waited in ("listening", "finished"):
                answer = self._answers.pop((waited, name), None)
                if answer is not None and not answer.done():
                    answer.set_exception(RuntimeError(f"the launcher could not: {event.get('problem')}"))
        else:
            answer = self._answers.pop((kind, name), None)
            if answer is not None and not answer.done():
                answer.set_result(event)
        self.on_event(event)

    def _send(self, message: dict[str, Any], fds: list[int] | None = None) -> None:
        if self._channel is None:
            raise LauncherGone("the launcher is not running")
        try:
            self._channel.send(message, fds)
        except ChannelClosed as cause:
            self._ready.clear()
            raise LauncherGone(str(cause)) from cause
        self._write_when_possible()

    def _write_when_possible(self) -> None:
        channel, loop = self._channel, asyncio.get_running_loop()
        if channel is None:
            return
        if channel.waiting:
            loop.add_writer(channel.fileno(), self._on_writable)
        else:
            loop.remove_writer(channel.fileno())

    def _on_writable(self) -> None:
        with suppress(ChannelClosed):
            if self._channel is not None:
                self._channel.flush()
        self._write_when_possible()

    def _ask(self, answer: str, message: dict[str, Any], fds: list[int] | None = None) -> asyncio.Future[Event]:
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._answers[answer, message["id"]] = future
        try:
            self._send(message, fds)
        except LauncherGone:
            self._answers.pop((answer, message["id"]), None)
            raise
        return future

    async def listen(
        self, name: str, path: Path, cell: CellSpec, spec: dict[str, Any], log_path: Path, *, idle_s: float, eager: bool
    ) -> None:
        """Returns when the socket listens; the worker starts with the first request, or now if `eager`."""
        message = {"op": "listen", "id": name, "path": str(path), "cell": cell.to_json(), "idle_s": idle_s}
        log = _open_log(log_path)
        spec_fd = memory_file(spec)
        try:
            await self._ask("listening", {**message, "eager": eager}, [spec_fd, log])
        finally:
            close_all([spec_fd, log])

    def start_worker(self, name: str) -> None:
        self._send({"op": "start", "id": name})

    async def stop_replica(self, name: str, grace_s: float) -> None:
        """Returns when the worker is gone and its socket removed. A launcher that is gone has stopped it too."""
        with suppress(LauncherGone):
            await self._ask("stopped", {"op": "stop", "id": name, "grace_s": grace_s})

    async def run_check(
        self, name: str, cell: CellSpec, spec: dict[str, Any], log_fd: int, *,
        paths: tuple[str, ...], out_dir: Path, timeout_s: float,
    ) -> Event:  # fmt: skip
        """The `finished` event. Cancelling the caller kills the job. Raises LauncherGone or RuntimeError."""
        message = {
            "op": "run", "id": name, "cell": cell.to_json(), "paths": paths, "out_dir": str(out_dir),
            "timeout_s": timeout_s,
        }  # fmt: skip
        spec_fd = memory_file(spec)
        try:
            return await self._ask("finished", message, [spec_fd, log_fd])
        except asyncio.CancelledError:
            with suppress(LauncherGone):
                self._send({"op": "cancel", "id": name})
            raise
        finally:
            close_all([spec_fd])

    def warm(self, cell: CellSpec) -> None:
        """Has the cell's modules imported in the background; harmless if the launcher is away."""
        with suppress(LauncherGone):
            self._send({"op": "warm", "cell": cell.to_json()})

    async def stop(self, grace_s: float) -> None:
        """Every worker drains and ends, then the launcher; what insists is killed."""
        self._stopping = True
        with suppress(LauncherGone):
            self._send({"op": "shutdown", "grace_s": grace_s})
        if self._process is not None:
            try:
                await asyncio.wait_for(self._process.wait(), grace_s + 2.0)
            except TimeoutError:
                await stop_child(self._process, 2.0)
        if self._watch is not None:
            await self._watch


def _open_log(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
