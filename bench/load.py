"""A load generator for HTTP/1.1: closed loop (as fast as the server answers) and open loop (at a fixed rate).

Requests are prepared bytes and answers are only counted and checked for their status, so that one core of load
keeps one core of server busy. Latencies in the open loop count from when a request was *due*, so that a stall shows in
all the requests it delayed (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Self, cast

try:
    from uvloop import new_event_loop
except ImportError:
    from asyncio import new_event_loop  # type: ignore[assignment]

__all__ = ["Outcome", "Target", "closed_loop", "new_event_loop", "open_loop"]


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send which bytes: `request` is a whole HTTP/1.1 request with keep-alive."""

    host: str
    port: int
    request: bytes

    @classmethod
    def post_json(cls, host: str, port: int, path: str, body: bytes, headers: dict[str, str] | None = None) -> Self:
        lines = [f"POST {path} HTTP/1.1", f"Host: {host}:{port}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        return cls(host, port, "\r\n".join(lines).encode() + body)


@dataclass(slots=True)
class Outcome:
    """`latencies_s` in order of completion; `statuses` counts answers; `broken` counts connections that failed."""

    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    completed_at: list[tuple[float, int]] = field(default_factory=list)

    @property
    def requests_per_s(self) -> float:
        return len(self.latencies_s) / self.seconds if self.seconds else 0.0

    @property
    def failed(self) -> int:
        return self.broken + sum(count for status, count in self.statuses.items() if status >= 400)

    def percentile_ms(self, percent: float) -> float:
        if not self.latencies_s:
            return float("nan")
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000


class _Connection(asyncio.Protocol):
    """One kept connection; `send()` writes the request, `answered` is set to a future of its status."""

    def __init__(self) -> None:
        self._buffer = b""
        self._waiting: asyncio.Future[int] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods, not by its class

    def send(self, request: bytes) -> asyncio.Future[int]:
        if self.transport is None:
            raise ConnectionResetError("not connected")
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        place = head.find(b"content-length:")
        if place < 0:
            if b"transfer-encoding: chunked" not in head or not self._buffer.endswith(b"0\r\n\r\n"):
                return
        else:
            stop = head.find(b"\r\n", place)
            length = int(head[place + 15 : stop if stop > 0 else None])
            if len(self._buffer) < end + 4 + length:
                return
        self._buffer = b""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionResetError("the server closed the connection"))


async def _connect(target: Target) -> _Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(_Connection, target.host, target.port)
    return connection


async def _connect_again(target: Target, timeout_s: float = 120.0) -> _Connection:
    """Until somebody listens there again: what it waits counts as latency of the requests that wait with it."""
    ends = time.perf_counter() + timeout_s
    while True:
        try:
            return await _connect(target)
        except OSError:
            if time.perf_counter() > ends:
                raise
            await asyncio.sleep(0.02)


async def closed_loop(target: Target, connections: int, seconds: float) -> Outcome:
    """Every connection sends its next request when the last is answered."""
    outcome = Outcome()
    begin = time.perf_counter()
    deadline = begin + seconds

    async def drive() -> None:
        connection = await _connect(target)
        while (now := time.perf_counter()) < deadline:
            try:
                status = await connection.send(target.request)
            except OSError:
                outcome.broken += 1
                connection = await _connect(target)
                continue
            outcome.latencies_s.append(time.perf_counter() - now)
            outcome.statuses[status] += 1
        if connection.transport:
            connection.transport.close()

    await asyncio.gather(*(drive() for _ in range(connections)))
    outcome.seconds = time.perf_counter() - begin
    return outcome


async def open_loop(
    target: Target, rate_per_s: float, seconds: float, *, connections: int = 32, stop: asyncio.Event | None = None
) -> Outcome:
    """Requests are due at fixed moments, whether or not earlier ones were answered."""
    outcome = Outcome()
    idle = [await _connect(target) for _ in range(connections)]
    free = asyncio.Semaphore(connections)
    begin = time.perf_counter()
    running: set[asyncio.Task[None]] = set()

    async def ask(due: float) -> None:
        async with free:
            connection = idle.pop()
            if connection.transport is None:  # closed while nothing was under way on it, as any client would see
                connection = await _connect_again(target)
            try:
                status = await connection.send(target.request)
                outcome.statuses[status] += 1
                outcome.completed_at.append((time.perf_counter(), status))
            except OSError:
                outcome.broken += 1
                outcome.completed_at.append((time.perf_counter(), 0))
                connection = await _connect_again(target)
            outcome.latencies_s.append(time.perf_counter() - due)
            idle.append(connection)

    count = int(rate_per_s * seconds)
    for number in range(count):
        if stop is not None and stop.is_set():
            break
        due = begin + number / rate_per_s
        delay = due - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        task = asyncio.ensure_future(ask(due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    outcome.seconds = time.perf_counter() - begin
    for connection in idle:
        if connection.transport:
            connection.transport.close()
    return outcome
