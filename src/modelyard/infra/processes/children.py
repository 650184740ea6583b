"""Child processes of an asyncio process: started to die with it, stopped politely and then not."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from modelyard.infra.processes.with_parent import with_parent


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
        return await asyncio.create_subprocess_exec(
            *with_parent(command, sent_at_parent_death),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            pass_fds=tuple(pass_fds),
            cwd=directory,
            start_new_session=True,
        )


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
