"""Child processes of an asyncio process: started to die with it, stopped politely and then not; strays ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from modelyard.infra.processes.orphans import kill_orphans, list_children
from modelyard.infra.processes.with_parent import with_parent

# Of this process. A child that is in neither was adopted: its own parent died and left it behind.
_own: set[int] = set()
_starting = 0
_PAUSE_S = 0.02


@asynccontextmanager
async def _counted() -> AsyncIterator[None]:
    """Between the fork and the note of its pid a child of ours looks like a stray."""
    global _starting
    _starting += 1
    try:
        yield
    finally:
        _starting -= 1


async def start_child(
    command: Sequence[str],
    *,
    log_path: Path,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    directory: Path | None = None,
    sent_at_parent_death: signal.Signals = signal.SIGKILL,
) -> asyncio.subprocess.Process:
    """Starts the command in its own session, its output appended to `log_path`. It dies with this process."""
    with log_path.open("ab") as log:
        options: dict[str, Any] = {
            "stdin": asyncio.subprocess.DEVNULL, "stdout": log, "stderr": log, "env": environment,
            "pass_fds": tuple(pass_fds), "cwd": directory,
        }  # fmt: skip
        return await _start(with_parent(command, sent_at_parent_death), options)


async def start_piped_child(
    command: Sequence[str], *, environment: Mapping[str, str], directory: str, line_bytes_max: int
) -> asyncio.subprocess.Process:
    """The same with pipes for input, output and errors, lines of which may be `line_bytes_max` long."""
    pipe = asyncio.subprocess.PIPE
    options: dict[str, Any] = {
        "stdin": pipe, "stdout": pipe, "stderr": pipe, "env": environment, "cwd": directory, "limit": line_bytes_max,
    }  # fmt: skip
    return await _start(with_parent(command), options)


async def _start(command: Sequence[str], options: dict[str, Any]) -> asyncio.subprocess.Process:
    async with _counted():
        process = await asyncio.create_subprocess_exec(*command, start_new_session=True, **options)
        _own.add(process.pid)
        return process


async def stop_child(process: asyncio.subprocess.Process, grace_s: float) -> int:
    """SIGTERM, then SIGKILL after the grace. Returns the exit status; harmless if it has ended already."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            return await asyncio.wait_for(process.wait(), grace_s)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
    return await process.wait()


async def kill_strays() -> None:
    """Ends every child that was not started here. Needs `adopt_orphans` before, and all children from this module."""
    while True:
        while _starting:  # noqa: ASYNC110  over in milliseconds, and only after a launcher was killed
            await asyncio.sleep(_PAUSE_S)
        _own.intersection_update(list_children())
        # Each round may orphan the next generation of whatever was left behind.
        if not kill_orphans(set(_own)):
            return
