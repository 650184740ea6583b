"""The process behind `modelyard up`: starts control plane and node, starts them again when they die, ends them.

It does nothing else, so that nothing can bring it down. Its own death, even by kill -9, ends both: they ask the kernel
for that before they run (`infra.processes.with_parent`).
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelyard.cli.settings import child_environment
from modelyard.infra.processes.orphans import adopt_orphans, kill_orphans, list_children
from modelyard.infra.processes.with_parent import with_parent

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 10.0
HEALTHY_AFTER_S = 10.0
STOP_GRACE_S = 15.0
DEATHS_BEFORE_READY_MAX = 5
LOG_LINES_SHOWN = 12


class StartFailed(Exception):
    """A part died again and again before everything was ready. Holds its name and last words."""

    def __init__(self, name: str, status: int, last_words: str) -> None:
        self.name, self.status, self.last_words = name, status, last_words
        super().__init__(f"{name} ended with {status}")


@dataclass(slots=True)
class Part:
    """A process to keep alive. `command` is what follows the interpreter."""

    name: str
    command: Sequence[str]
    log_path: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    next_start_at: float = 0.0
    deaths: int = 0

    def start(self) -> None:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                with_parent([sys.executable, *self.command]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=child_environment(**self.environment),
                start_new_session=True,  # Ctrl-C in a terminal is for the parent, which stops them in order
            )
        self.started_at = time.monotonic()

    def last_words(self) -> str:
        """The end of its log."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - 8192))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-LOG_LINES_SHOWN:])
        except OSError:
            return ""


class Parent:
    """Runs the parts until SIGTERM or SIGINT. Only for a process's main thread."""

    def __init__(self, parts: Sequence[Part], *, say: Callable[[str], None]) -> None:
        self._parts = list(parts)
        self._say = say
        self._ready = False
        self._stopping = False
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self, is_ready: Callable[[], bool], on_ready: Callable[[], None]) -> None:
        """Returns after a clean stop. Raises StartFailed; then everything has ended too."""
        adopt_orphans()
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _nothing)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        try:
            while not self._stopping:
                self._tend()
                if not self._ready and is_ready():
                    self._ready = True
                    on_ready()
                self._sleep(0.02 if not self._ready else 1.0)
        finally:
            self._end_all()
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _tend(self) -> None:
        now = time.monotonic()
        for part in self._parts:
            if part.process is not None and part.process.poll() is not None:
                self._mourn(part, part.process.returncode, now)
            if part.process is None and now >= part.next_start_at:
                part.start()

    def _mourn(self, part: Part, status: int, now: float) -> None:
        part.process = None
        lived_s = now - part.started_at
        part.deaths = 1 if lived_s > HEALTHY_AFTER_S else part.deaths + 1
        pause_s = min(BACKOFF_FIRST_S * 2 ** (part.deaths - 1), BACKOFF_MAX_S)
        part.next_start_at = now + pause_s
        if not self._ready and part.deaths >= DEATHS_BEFORE_READY_MAX:
            raise StartFailed(part.name, status, part.last_words())
        self._say(f"{part.name} ended with {_status_name(status)}; again in {pause_s:.1f} s ({part.log_path})")

    def _sleep(self, seconds: float) -> None:
        starting = [part.next_start_at for part in self._parts if part.process is None]
        if starting:
            seconds = min(seconds, max(0.01, min(starting) - time.monotonic()))
        if select.select([self._woken], [], [], seconds)[0]:
            os.read(self._woken, 4096)

    def _stop(self, *_: Any) -> None:
        self._stopping = True

    def _end_all(self) -> None:
        """The node first, so that no request is let in that the control plane can't answer any more."""
        for part in reversed(self._parts):
            if part.process is not None and part.process.poll() is None:
                part.process.terminate()
        ends = time.monotonic() + STOP_GRACE_S
        for part in reversed(self._parts):
            if part.process is not None:
                try:
                    part.process.wait(max(0.1, ends - time.monotonic()))
                except subprocess.TimeoutExpired:
                    self._say(f"{part.name} did not end in {STOP_GRACE_S:.0f} s and was killed")
                    part.process.kill()
                    part.process.wait()
        kill_orphans(set())
        while list_children():
            kill_orphans(set())


def _nothing(*_: Any) -> None:
    """Exists so that a child's death wakes the parent."""


def _status_name(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"
