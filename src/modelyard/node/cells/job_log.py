"""Lines of a running job, on their way to the control plane in batches. Losing them loses no result."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress

from modelyard.contracts.cell_job import LOG_LINE_BYTES_MAX

logger = logging.getLogger(__name__)
BATCH_S = 0.2
BATCH_LINES_MAX = 200
LINES_MAX = 20_000

Post = Callable[[str, list[str]], Awaitable[None]]


class JobLog:
    """`line` never blocks; `pipe` gives a descriptor that a cell writes to; `close` sends the rest."""

    def __init__(self, job_id: str, post: Post) -> None:
        self._job_id = job_id
        self._post = post
        self._lines: list[str] = []
        self._count = 0
        self._wake = asyncio.Event()
        self._closed = False
        self._sender = asyncio.create_task(self._send(), name=f"log-{job_id}")
        self.tail: list[str] = []

    def line(self, text: str) -> None:
        data = text.encode(errors="replace")[:LOG_LINE_BYTES_MAX]
        clean = data.decode(errors="ignore")
        self.tail = [*self.tail[-199:], clean]
        self._count += 1
        if self._count <= LINES_MAX:
            self._lines.append(clean if self._count < LINES_MAX else f"(more than {LINES_MAX} lines: the rest is cut)")
            self._wake.set()

    async def read_pipe(self, descriptor: int) -> None:
        """Takes every line that comes through the pipe until all its writers are gone; closes the descriptor."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1 << 16)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
        )
        held = b""
        try:
            while chunk := await reader.read(1 << 16):
                *lines, held = (held + chunk).split(b"\n")
                for raw in lines:
                    self.line(raw.decode(errors="replace"))
                if len(held) > LOG_LINE_BYTES_MAX:
                    self.line(held.decode(errors="replace"))
                    held = b""
            if held:
                self.line(held.decode(errors="replace"))
        finally:
            transport.close()

    async def close(self) -> None:
        self._closed = True
        self._wake.set()
        with suppress(asyncio.CancelledError):
            await self._sender

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not self._closed:
                await asyncio.sleep(BATCH_S)
            while self._lines:
                batch, self._lines = self._lines[:BATCH_LINES_MAX], self._lines[BATCH_LINES_MAX:]
                try:
                    await self._post(self._job_id, batch)
                except Exception as problem:  # noqa: BLE001  a log is worth no failure
                    logger.warning("log of job %s: %s", self._job_id, problem)
            if self._closed:
                return
