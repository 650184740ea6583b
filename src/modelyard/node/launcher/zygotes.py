"""Zygotes as the launcher sees them: started in a cell, asked to fork, believed only as far as checked.

A zygote runs packages that we did not write, so its word about pids is verified before root signals one of them.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelyard.node.launcher.confinement import CellSpec, confine, environment_of
from modelyard.node.launcher.messages import Channel

CONTROL_FD = 3


class UntrueReport(Exception):
    """A zygote named a process as its own that is not its child."""


class Zygote:
    """One warm parent. `cell` is what it was started with; `waiting` are requests made before it was ready."""

    def __init__(self, cell: CellSpec, log_fd: int) -> None:
        self.cell = cell
        self.ready = False
        self.retired = False
        self.users: set[str] = set()
        self.unused_since = time.monotonic()
        self._waiting: list[tuple[dict[str, Any], list[int]]] = []
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel = Channel(ours)
        launcher_pid = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _exec_zygote(cell, theirs, log_fd, launcher_pid)
        theirs.close()

    def fork(self, request: dict[str, Any], fds: list[int]) -> None:
        """Asks for a worker, now or as soon as the imports are done."""
        if self.ready:
            self.channel.send(request, fds)
        else:
            self._waiting.append((request, [os.dup(fd) for fd in fds]))

    def become_ready(self) -> None:
        self.ready = True
        waiting, self._waiting = self._waiting, []
        for request, fds in waiting:
            self.channel.send(request, fds)
            for fd in fds:
                os.close(fd)

    def can_serve(self, cell: CellSpec) -> bool:
        """Whether a fork of this one fits the cell: the same key, uid and network, and its packages are here.

        Packages, not modules: a few more modules of a warm package load in milliseconds, another zygote in seconds.
        """
        mine, theirs = self.cell, cell
        same = mine.zygote_key == theirs.zygote_key and (mine.uid, mine.network) == (theirs.uid, theirs.network)
        return same and not self.retired and _packages(theirs) <= _packages(mine)

    def open_worker(self, pid: int) -> int:
        """A pidfd of the worker. Raises UntrueReport unless it is this zygote's child and ProcessLookupError if gone.

        Order matters: first the descriptor, then the look at its parent, so that a reused pid can't slip between.
        """
        if pid <= 1:
            raise UntrueReport(f"pid {pid}")
        descriptor = os.pidfd_open(pid)
        try:
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            parent = -1
        if parent != self.pid:
            os.close(descriptor)
            raise UntrueReport(f"pid {pid} has parent {parent}, not the zygote {self.pid}")
        return descriptor

    def kill(self) -> None:
        """SIGKILL; the kernel then kills its workers. Our unreaped child's pid can't be another process."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        self.channel.close()
        for _, fds in self._waiting:
            for fd in fds:
                os.close(fd)
        self._waiting.clear()


def _packages(cell: CellSpec) -> set[str]:
    return {name.partition(".")[0] for name in cell.preload}


def _exec_zygote(cell: CellSpec, control: socket.socket, log_fd: int, launcher_pid: int) -> None:
    """In the child: descriptors 0 to 3 and nothing else, the cell, then the environment's Python. Never returns."""
    try:
        # Above the numbers that dup2 is about to overwrite.
        log, end = _moved_up(log_fd), _moved_up(control.fileno())
        null = _moved_up(os.open(os.devnull, os.O_RDONLY))
        for source, target in ((null, 0), (log, 1), (log, 2), (end, CONTROL_FD)):
            os.dup2(source, target)
        os.closerange(CONTROL_FD + 1, 1 << 20)
        for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        confine(cell, launcher_pid)
        arguments = [cell.python, "-I", "-B", cell.zygote, "--control-fd", str(CONTROL_FD)]
        arguments += ["--preload", ",".join(cell.preload), "--paths", ":".join(cell.paths)]
        os.execve(cell.python, arguments, environment_of(cell))
    except BaseException:  # noqa: BLE001  a fork must never return into the launcher
        traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(126)


def _moved_up(fd: int) -> int:
    """The same file under a number above 9."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
