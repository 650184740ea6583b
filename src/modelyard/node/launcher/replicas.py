"""What the launcher knows of one replica and of one check job."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from modelyard.node.launcher.confinement import CellSpec
from modelyard.node.launcher.messages import close_all
from modelyard.node.launcher.zygotes import Zygote

BACKLOG = 1024
BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 30.0
# A worker that ran this long before it crashed starts again without delay.
GOOD_RUN_S = 60.0
# A worker without requests wakes for its own housekeeping less often than this; every request wakes it several times.
IDLE_WAKES_MAX = 2
IDLE_WAKES_PER_S = 0.2
# One long prediction never sleeps, but it computes.
IDLE_CPU_SHARE_MAX = 0.02


@dataclass(slots=True, kw_only=True, eq=False)
class Process:
    """A worker or a check job, from the wish for it to its reported end."""

    name: str
    cell: CellSpec
    spec_fd: int
    log_fd: int
    zygote: Zygote | None = None
    pid: int | None = None
    pidfd: int | None = None
    status: int | None = None
    forked_at: float = 0.0

    @property
    def alive(self) -> bool:
        """Asked of a zygote, or forked and not known to have ended."""
        return self.zygote is not None

    def signal(self, number: signal.Signals) -> None:
        if self.pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, number)

    def clear(self) -> None:
        if self.pidfd is not None:
            os.close(self.pidfd)
        self.zygote = self.pid = self.pidfd = self.status = None

    def close(self) -> None:
        self.clear()
        close_all([self.spec_fd, self.log_fd])

    def activity(self) -> tuple[int, float]:
        """How often its threads have slept and woken so far, and their CPU seconds; the kernel's word, not its own."""
        wakes, cpu_s = 0, 0.0
        with suppress(OSError):
            for task in Path(f"/proc/{self.pid}/task").iterdir():
                with suppress(OSError, IndexError, ValueError):
                    status = (task / "status").read_text()
                    wakes += int(status.rpartition("\nvoluntary_ctxt_switches:")[2].split("\n", 1)[0])
                    cpu_s += int((task / "schedstat").read_text().split()[0]) / 1e9
        return wakes, cpu_s


@dataclass(slots=True, kw_only=True, eq=False)
class Replica(Process):
    """A listening socket and at most one worker behind it."""

    path: str
    idle_s: float
    listener: socket.socket
    stopping: bool = False
    expected: str = ""
    restarts: int = 0
    backoff_s: float = 0.0
    not_before: float = 0.0
    last_activity: tuple[int, float] = (0, 0.0)
    looked_at: float = 0.0
    idle_since: float = 0.0

    def note_crash(self) -> float:
        """Counts it and returns the pause before the next start, seconds."""
        lasted_s = time.monotonic() - self.forked_at
        self.restarts += 1
        self.backoff_s = BACKOFF_FIRST_S if lasted_s >= GOOD_RUN_S else self._next_backoff()
        self.not_before = time.monotonic() + self.backoff_s
        return self.backoff_s

    def _next_backoff(self) -> float:
        return min(BACKOFF_MAX_S, max(BACKOFF_FIRST_S, self.backoff_s * 2))

    def became_idle(self) -> bool:
        """Whether it has done nothing for `idle_s`: it hardly woke or computed. Call it every few seconds."""
        now = time.monotonic()
        passed_s = now - self.looked_at
        activity = self.activity()
        wakes, cpu_s = activity[0] - self.last_activity[0], activity[1] - self.last_activity[1]
        if wakes > IDLE_WAKES_MAX + IDLE_WAKES_PER_S * passed_s or cpu_s > IDLE_CPU_SHARE_MAX * passed_s:
            self.idle_since = now
        self.last_activity, self.looked_at = activity, now
        return now - self.idle_since >= self.idle_s

    def start_watching(self) -> None:
        """What it did until it was forked does not count."""
        self.last_activity = self.activity()
        self.looked_at = self.idle_since = time.monotonic()


@dataclass(slots=True, kw_only=True, eq=False)
class Check(Process):
    """One job run; `reason` is why it was ended, if we did it."""

    out_dir: str
    timeout_s: float
    paths: tuple[str, ...] = field(default=())
    reason: str = "exit"


def open_listener(path: str) -> socket.socket:
    """A listening socket that only our own uid (the gateway's too) can connect to. Replaces what lies at the path."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener
