"""Server-sent events: one frame format, and a stream that resumes, keeps the connection alive and ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from modelyard.infra.http.waiting import Bell

KEEP_ALIVE_S = 15.0
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class Frame(NamedTuple):
    """`id` is what a client sends back as Last-Event-ID; `data` is JSON."""

    id: int
    event: str
    data: Any


def encode(frame: Frame) -> bytes:
    return f"id: {frame.id}\nevent: {frame.event}\ndata: {json.dumps(frame.data, separators=(',', ':'))}\n\n".encode()


def event_stream(
    read_after: Callable[[int], tuple[Sequence[Frame], bool]], after: int, bell: Bell, *, poll_s: float = 0.15
) -> StreamingResponse:
    """Streams what `read_after(last id)` returns, frames and whether it is the end, until the end or until the bell
    is closed; the client then resumes elsewhere.

    It reads the store instead of a queue, so that it resumes after any restart and needs no shared memory.
    """

    async def frames() -> AsyncIterator[bytes]:
        last, quiet_s = after, 0.0
        while True:
            seen = bell.rings
            found, ended = await run_in_threadpool(read_after, last)
            for frame in found:
                last = frame.id
                yield encode(frame)
            if ended or bell.is_closed:
                return
            quiet_s = 0.0 if found else quiet_s + poll_s
            if quiet_s >= KEEP_ALIVE_S:
                quiet_s = 0.0
                yield b": still here\n\n"
            await bell.listen(seen, poll_s)

    return StreamingResponse(frames(), media_type="text/event-stream", headers=_HEADERS)
