"""The launcher: sockets wake workers, zygotes fork them, limits and the end of the agent stop them.

State of a replica: no worker and polled; worker wanted or running and not polled (requests wait in the backlog or go
to the worker); crashed and waiting out its pause, then polled again.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from contextlib import suppress
from typing import Any

from modelyard.infra.processes.orphans import adopt_orphans, kill_orphans
from modelyard.node.launcher.confinement import CellSpec
from modelyard.node.launcher.loop import Loop
from modelyard.node.launcher.messages import Channel, ChannelClosed, close_all
from modelyard.node.launcher.replicas import Check, Process, Replica, open_listener
from modelyard.node.launcher.zygotes import UntrueReport, Zygote

ZYGOTES_UNUSED_MAX = 4
ZYGOTE_UNUSED_S = 1800.0
SWEEP_S = 60.0
# How long a seen death waits for the zygote's word about the exit status.
STATUS_WAIT_S = 1.0


class Launcher:
    def __init__(self, control: socket.socket, log_fd: int = 2) -> None:
        self._loop = Loop()
        self._agent = Channel(control)
        self._log_fd = log_fd
        self._replicas: dict[str, Replica] = {}
        self._checks: dict[str, Check] = {}
        self._zygotes: dict[int, Zygote] = {}
        self._leaving = False

    def run(self) -> int:
        """Until the agent says so or is gone. Whatever happens, no process of ours is left."""
        adopt_orphans()
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _interrupt)
        signal.signal(signal.SIGTERM, _interrupt)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._loop.watch(woken, lambda _events: self._on_signal(woken))
        self._loop.watch(self._agent.fileno(), lambda _events: self._on_agent())
        self._loop.after(SWEEP_S, self._sweep)
        try:
            self._tell({"event": "ready", "pid": os.getpid()})
            self._loop.run()
        finally:
            self._end_all()
        return 0

    # From the agent ---------------------------------------------------------------------------------------------

    def _on_agent(self) -> None:
        try:
            self._agent.flush()
            while (received := self._agent.receive()) is not None:
                message, fds = received
                try:
                    self._obey(message, fds)
                except (OSError, KeyError, TypeError, ValueError) as problem:
                    self._tell({"event": "failed", "id": str(message.get("id")), "problem": repr(problem)})
                    close_all(fds)
        except ChannelClosed:
            self._loop.running = False

    def _obey(self, message: dict[str, Any], fds: list[int]) -> None:
        operation = message.get("op")
        if operation == "listen":
            self._listen(message, fds)
        elif operation == "run":
            self._run_check(message, fds)
        elif operation == "start" and message["id"] in self._replicas:
            self._start(self._replicas[message["id"]])
        elif operation == "stop":
            self._stop(message["id"], float(message.get("grace_s", 10.0)))
        elif operation == "cancel" and message["id"] in self._checks:
            self._end_check(self._checks[message["id"]], "cancelled")
        elif operation == "warm":
            self._zygote_for(CellSpec.from_json(message["cell"]))
        elif operation == "shutdown":
            self._shut_down(float(message.get("grace_s", 10.0)))

    def _listen(self, message: dict[str, Any], fds: list[int]) -> None:
        name, cell = message["id"], CellSpec.from_json(message["cell"])
        if name in self._replicas:
            raise ValueError(f"{name} is listening already")
        spec_fd, log_fd = fds
        replica = Replica(
            name=name, cell=cell, spec_fd=spec_fd, log_fd=log_fd, path=message["path"],
            idle_s=float(message["idle_s"]), listener=open_listener(message["path"]),
        )  # fmt: skip
        self._replicas[name] = replica
        self._poll_listener(replica)
        self._tell({"event": "listening", "id": name})
        if message.get("eager"):
            self._start(replica)

    def _run_check(self, message: dict[str, Any], fds: list[int]) -> None:
        spec_fd, log_fd = fds
        check = Check(
            name=message["id"], cell=CellSpec.from_json(message["cell"]), spec_fd=spec_fd, log_fd=log_fd,
            out_dir=message["out_dir"], timeout_s=float(message["timeout_s"]), paths=tuple(message["paths"]),
        )  # fmt: skip
        self._checks[check.name] = check
        request = {"op": "check", "id": check.name, "memory_bytes": check.cell.memory_bytes}
        self._fork(check, {**request, "out_dir": check.out_dir, "paths": check.paths}, [log_fd, spec_fd])
        self._loop.after(check.timeout_s, lambda: self._end_check(check, "timeout"))

    def _stop(self, name: str, grace_s: float) -> None:
        replica = self._replicas.get(name)
        if replica is None:
            self._tell({"event": "stopped", "id": name})
            return
        replica.stopping = True
        self._loop.forget(replica.listener.fileno())
        if not replica.alive:
            self._remove(replica)
            return
        self._terminate(replica, "stop", grace_s)

    def _shut_down(self, grace_s: float) -> None:
        self._leaving = True
        for check in list(self._checks.values()):
            self._end_check(check, "cancelled")
        for name in list(self._replicas):
            self._stop(name, grace_s)
        self._leave_when_empty()

    def _leave_when_empty(self) -> None:
        if self._leaving and not self._replicas and not self._checks:
            self._loop.running = False

    # Replicas ---------------------------------------------------------------------------------------------------

    def _poll_listener(self, replica: Replica) -> None:
        self._loop.watch(replica.listener.fileno(), lambda _events: self._start(replica))

    def _poll_again(self, replica: Replica) -> None:
        if not replica.alive and not replica.stopping:
            self._poll_listener(replica)

    def _start(self, replica: Replica) -> None:
        """Forks a worker unless there is one, or it is stopping, or its pause after a crash is not over."""
        if replica.alive or replica.stopping:
            return
        self._loop.forget(replica.listener.fileno())
        if (pause_s := replica.not_before - time.monotonic()) > 0:
            self._loop.after(pause_s, lambda: self._start(replica))
            return
        replica.expected = ""
        request = {"op": "serve", "id": replica.name, "memory_bytes": replica.cell.memory_bytes}
        self._fork(replica, request, [replica.listener.fileno(), replica.log_fd, replica.spec_fd])

    def _terminate(self, replica: Replica, reason: str, grace_s: float) -> None:
        replica.expected = replica.expected or reason
        replica.signal(signal.SIGTERM)
        pid = replica.pid

        def insist() -> None:
            if not replica.alive or pid not in (None, replica.pid):
                return
            replica.signal(signal.SIGKILL)
            if replica.pid is None and replica.stopping and replica.zygote is not None:
                # Its zygote is still importing: forget it, a late fork is killed as unwanted.
                self._release(replica.zygote, replica.name)
                self._remove(replica)

        self._loop.after(grace_s, insist)

    def _watch_idle(self, replica: Replica, pid: int) -> None:
        if replica.pid != pid or replica.idle_s <= 0:
            return
        if replica.became_idle():
            self._terminate(replica, "idle", 30.0)
            return
        self._loop.after(max(0.1, min(replica.idle_s / 4, 15.0)), lambda: self._watch_idle(replica, pid))

    def _remove(self, replica: Replica) -> None:
        self._replicas.pop(replica.name, None)
        with suppress(FileNotFoundError):
            os.unlink(replica.path)
        replica.listener.close()
        replica.close()
        self._tell({"event": "stopped", "id": replica.name})
        self._leave_when_empty()

    def _end_check(self, check: Check, reason: str) -> None:
        if self._checks.get(check.name) is not check:
            return
        if check.reason == "exit":
            check.reason = reason
        if check.pid is None:
            # Its zygote is still importing: nothing to signal yet, and nobody waits for it any more.
            self._finish(check, None)
        else:
            check.signal(signal.SIGKILL)

    # Processes and zygotes --------------------------------------------------------------------------------------

    def _fork(self, process: Process, request: dict[str, Any], fds: list[int]) -> None:
        zygote = self._zygote_for(process.cell)
        process.zygote, process.forked_at = zygote, time.monotonic()
        zygote.users.add(process.name)
        try:
            zygote.fork(request, fds)
        except ChannelClosed:
            zygote.retired = True  # its death is reported by SIGCHLD, which ends this process too

    def _zygote_for(self, cell: CellSpec) -> Zygote:
        fitting = [zygote for zygote in self._zygotes.values() if zygote.can_serve(cell)]
        if fitting:
            # The warmest that need not be waited for: a check job names no modules and still wants them.
            return max(fitting, key=lambda zygote: (zygote.ready, len(zygote.cell.preload)))
        preload = set(cell.preload)
        for zygote in self._zygotes.values():
            if zygote.cell.zygote_key == cell.zygote_key:
                # The list grows by a new generation; the old one ends with its last worker.
                preload |= set(zygote.cell.preload)
                zygote.retired = True
        grown = CellSpec.from_json({**cell.to_json(), "preload": sorted(preload)})
        zygote = Zygote(grown, self._log_fd)
        self._zygotes[zygote.pid] = zygote
        self._loop.watch(zygote.channel.fileno(), lambda _events: self._on_zygote(zygote))
        return zygote

    def _on_zygote(self, zygote: Zygote) -> None:
        try:
            while (received := zygote.channel.receive()) is not None:
                message, fds = received
                close_all(fds)
                self._hear(zygote, message)
        except (ChannelClosed, UntrueReport, KeyError, TypeError, ValueError) as problem:
            print(f"launcher: zygote {zygote.pid} ended or spoke untruth: {problem!r}", flush=True)
            self._loop.forget(zygote.channel.fileno())
            zygote.retired = True
            zygote.kill()

    def _hear(self, zygote: Zygote, message: dict[str, Any]) -> None:
        event = message.get("event")
        if event == "ready":
            zygote.become_ready()
            return
        process = self._replicas.get(message["id"]) or self._checks.get(message["id"])
        if process is None or process.zygote is not zygote:
            self._kill_unwanted(zygote, message)
        elif event == "forked":
            self._note_forked(zygote, process, int(message["pid"]))
        elif event == "exited" and process.pid == message["pid"]:
            process.status = int(message["status"])
            if _has_ended(process.pidfd):
                self._note_exit(process, process.pidfd)

    def _kill_unwanted(self, zygote: Zygote, message: dict[str, Any]) -> None:
        """A fork that came after its job was given up."""
        if message.get("event") == "forked":
            with suppress(ProcessLookupError):
                descriptor = zygote.open_worker(int(message["pid"]))
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                os.close(descriptor)

    def _note_forked(self, zygote: Zygote, process: Process, pid: int) -> None:
        process.pid = pid
        try:
            pidfd = process.pidfd = zygote.open_worker(pid)
        except ProcessLookupError:
            # Ended and reaped already: its exit is told in the next message, if at all.
            self._loop.after(STATUS_WAIT_S, lambda: self._give_up_status(process, None, pid))
            return
        self._loop.watch(pidfd, lambda _events: self._on_death(process, pidfd))
        fork_ms = round((time.monotonic() - process.forked_at) * 1000, 3)
        self._tell({"event": "started", "id": process.name, "pid": pid, "fork_ms": fork_ms})
        if isinstance(process, Replica):
            process.start_watching()
            self._watch_idle(process, pid)
            if process.stopping:
                process.signal(signal.SIGTERM)

    def _on_death(self, process: Process, pidfd: int) -> None:
        self._loop.forget(pidfd)
        if process.status is not None:
            self._note_exit(process, pidfd)
        else:
            pid = process.pid
            self._loop.after(STATUS_WAIT_S, lambda: self._give_up_status(process, pidfd, pid))

    def _give_up_status(self, process: Process, pidfd: int | None, pid: int | None) -> None:
        if process.alive and process.pid == pid and process.pidfd == pidfd:
            self._note_exit(process, pidfd)

    def _note_exit(self, process: Process, pidfd: int | None, reason: str = "crash") -> None:
        if pidfd is not None:
            self._loop.forget(pidfd)
        status, zygote, pid = process.status, process.zygote, process.pid
        process.clear()
        if zygote is not None:
            self._release(zygote, process.name)
        kill_orphans(set(self._zygotes))
        if isinstance(process, Check):
            process.reason = "zygote" if reason == "zygote" and process.reason == "exit" else process.reason
            self._finish(process, status)
        elif isinstance(process, Replica):
            self._after_exit(process, pid, status, reason)

    def _after_exit(self, replica: Replica, pid: int | None, status: int | None, reason: str) -> None:
        expected = bool(replica.expected)
        pause_s = 0.0 if expected else replica.note_crash()
        self._tell({
            "event": "exited", "id": replica.name, "pid": pid, "status": status, "expected": expected,
            "restarts": replica.restarts, "retry_s": pause_s, "reason": replica.expected or reason,
        })  # fmt: skip
        if replica.stopping:
            self._remove(replica)
        elif pause_s:
            self._loop.after(pause_s, lambda: self._poll_again(replica))
        else:
            self._poll_listener(replica)

    def _finish(self, check: Check, status: int | None) -> None:
        self._checks.pop(check.name, None)
        if check.zygote is not None:
            self._release(check.zygote, check.name)
        check.close()
        self._tell({"event": "finished", "id": check.name, "status": status, "reason": check.reason})
        self._leave_when_empty()

    def _release(self, zygote: Zygote, name: str) -> None:
        zygote.users.discard(name)
        if not zygote.users:
            zygote.unused_since = time.monotonic()
            if zygote.retired:
                zygote.kill()

    def _on_signal(self, woken: int) -> None:
        numbers = os.read(woken, 4096)
        if signal.SIGTERM in numbers:
            self._loop.running = False
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            zygote = self._zygotes.pop(pid, None)
            if zygote is not None:
                self._bury(zygote, os.waitstatus_to_exitcode(status))

    def _bury(self, zygote: Zygote, status: int) -> None:
        """Reports the end of everything that the zygote carried: the kernel killed its workers with it."""
        self._loop.forget(zygote.channel.fileno())
        zygote.retired = True
        for process in [*self._replicas.values(), *self._checks.values()]:
            if process.zygote is zygote:
                process.signal(signal.SIGKILL)
                if process.status is None:
                    process.status = status
                self._note_exit(process, process.pidfd, "zygote")
        zygote.close()

    def _sweep(self) -> None:
        """Ends zygotes that nobody used for long, and all but the latest few unused ones."""
        unused = sorted((z for z in self._zygotes.values() if not z.users), key=lambda z: -z.unused_since)
        for position, zygote in enumerate(unused):
            if position >= ZYGOTES_UNUSED_MAX or time.monotonic() - zygote.unused_since > ZYGOTE_UNUSED_S:
                zygote.retired = True
                zygote.kill()
        self._loop.after(SWEEP_S, self._sweep)

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            self._agent.send(message)
        except ChannelClosed:
            self._loop.running = False
            return
        events = select.EPOLLIN | (select.EPOLLOUT if self._agent.waiting else 0)
        self._loop.watch(self._agent.fileno(), lambda _events: self._on_agent(), events)

    def _end_all(self) -> None:
        for process in [*self._replicas.values(), *self._checks.values()]:
            process.signal(signal.SIGKILL)
        for replica in self._replicas.values():
            with suppress(FileNotFoundError):
                os.unlink(replica.path)
        for zygote in self._zygotes.values():
            zygote.kill()
        # Each round may orphan the next generation of whatever a model started.
        while kill_orphans(set()):
            continue


def _interrupt(_signal: int, _frame: object) -> None:
    """Exists so that the signal reaches the wake-up descriptor."""


def _has_ended(pidfd: int | None) -> bool:
    if pidfd is None:
        return True
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))
