"""Finding and ending what a cell left behind: processes whose own parents died. Standard library only, no asyncio."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Makes this process the parent of descendants whose parents die, so that `kill_orphans` can find them."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def list_children() -> set[int]:
    """Pids of this process's children, adopted ones among them; empty where the kernel does not tell."""
    found: set[int] = set()
    with suppress(OSError):
        for task in os.listdir("/proc/self/task"):
            with suppress(OSError):
                found.update(int(pid) for pid in Path(f"/proc/self/task/{task}/children").read_text().split())
    return found


def kill_orphans(known: set[int]) -> int:
    """Kills and reaps every child that is not in `known`; returns how many. A child can't be a reused pid: an
    unreaped child keeps its pid."""
    orphans = list_children() - known
    for pid in orphans:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
    return len(orphans)
