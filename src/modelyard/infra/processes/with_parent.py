"""Runs a command that dies with its parent: `python -I -S with_parent.py PARENT_PID SIGNAL COMMAND...`.

Standard library only, and a script rather than `preexec_fn`, which is unsafe in a process with threads. The kernel
sends the signal when the *thread* that started us ends, so start children from the main thread.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int, sent: signal.Signals = signal.SIGKILL) -> None:
    """Asks the kernel for the signal at the parent's death; ends at once if the parent is gone already.

    Call it after any change of uid: `setuid` clears the setting (regression: `test_worker_parent_death_after_setuid`).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(sent), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)


def with_parent(command: Sequence[str], sent: signal.Signals = signal.SIGKILL) -> list[str]:
    """The command, wrapped so that it gets `sent` when the calling process ends however it ends."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(sent)), *command]


def _main(arguments: Sequence[str]) -> None:
    parent_pid, sent, *command = arguments
    die_with_parent(int(parent_pid), signal.Signals(int(sent)))
    os.execv(command[0], command)


if __name__ == "__main__":
    _main(sys.argv[1:])
