"""A small HTTP/1.1 server on a socket that is already listening: unix or TCP, keep-alive, pipelining-safe.

It speaks the part of RFC 9112 that a proxy in front of it uses and refuses the rest: ambiguous framing is an error,
never a guess. A refusal says why in JSON, closes its half, and reads on a little so that the client sees the answer.
"""

from __future__ import annotations

import asyncio
import importlib
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

from modelyard_worker.messages import (
    CHUNK_SIZE,
    HEAD_BYTES_MAX,
    BadRequest,
    Request,
    Response,
    body_framing,
    error_response,
    parse_head,
    response_head,
    too_large,
)

# Imported here, not when the loop is made, so that a zygote has it before it forks.
_uvloop: Any
try:
    _uvloop = importlib.import_module("uvloop")
except ImportError:
    _uvloop = None

BUFFER_BYTES_MAX = 64 * 1024
LINGER_BYTES_MAX = 4 * 1024 * 1024
LINGER_S = 2.0
SWEEP_S = 1.0
QUIET_SWEEP_S = 10.0

Application = Callable[[Request], Union[Response, "asyncio.Future[Response]"]]


@dataclass(frozen=True)
class HttpLimits:
    """`read_timeout_s` bounds the time from a request's first byte to its last, and a stalled reader of an answer."""

    body_bytes_max: int = 16 * 1024 * 1024
    connections_max: int = 1000
    read_timeout_s: float = 30.0
    drain_timeout_s: float = 10.0


class Connection(asyncio.Protocol):
    """One client: bytes in, one request at a time to the application, answers out in order."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._transport: Any = None
        self._buffer: bytes | bytearray = b""
        self._request: Request | None = None  # the request whose body is being read
        self._body = bytearray()
        self._body_missing = 0  # bytes to come; of this chunk, when chunked
        self._chunked = False
        self._answering: Request | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._writable = True
        self._lingering = 0  # bytes that may still be discarded after a refusal; 0: not refused
        self._closed = False
        self.deadline: float | None = None  # monotonic time by which the peer must have moved

    @property
    def idle(self) -> bool:
        return self._answering is None and self._request is None and not self._buffer and self._writable

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if not self._server.admit(self):
            self._refuse(503, "this worker has all the connections that it can take. Try again")

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self.deadline = None
        self._server.forget(self)
        if self._answer is not None:
            self._answer.cancel()

    def pause_writing(self) -> None:
        self._writable = False
        self.deadline = time.monotonic() + self._server.limits.read_timeout_s

    def resume_writing(self) -> None:
        self._writable = True
        self.deadline = None
        self._advance()

    def eof_received(self) -> bool:
        if self._answering is None:
            return False
        self._answering.keep_alive = False  # a half-closed client still gets the answer that it waits for
        return True

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            self._lingering -= len(data)
            if self._lingering <= 0:
                self._transport.abort()
            return
        if not self._buffer:
            self._buffer = data
        else:
            if isinstance(self._buffer, bytes):
                self._buffer = bytearray(self._buffer)
            self._buffer += data
        self._advance()
        if len(self._buffer) > BUFFER_BYTES_MAX and self._answering is not None:
            self._transport.pause_reading()

    def expire(self) -> None:
        """The peer took too long. Called by the server's sweep."""
        if self._lingering or not self._writable:
            self._transport.abort()
        else:
            self._refuse(408, f"the request did not arrive within {self._server.limits.read_timeout_s:g} s")

    def close_when_idle(self) -> None:
        if self.idle and not self._closed:
            self._transport.close()

    def _advance(self) -> None:
        try:
            while self._answering is None and self._writable and not self._lingering and not self._closed:
                if self._request is None and not self._read_head():
                    break
                if not self._read_body():
                    break
        except BadRequest as refusal:
            self._refuse(refusal.status, str(refusal))
            return
        unfinished = self._request is not None or (self._buffer and self._answering is None)
        if not unfinished:
            self.deadline = None if self._writable else self.deadline
        elif self.deadline is None:
            self.deadline = time.monotonic() + self._server.limits.read_timeout_s

    def _read_head(self) -> bool:
        """Whether a whole head was there. An empty line before it is tolerated, as RFC 9112 2.2 asks."""
        if self._buffer[:2] == b"\r\n":
            self._buffer = self._buffer.lstrip(b"\r\n")
        end = self._buffer.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX + 4)
        if end < 0:
            if len(self._buffer) > HEAD_BYTES_MAX:
                raise BadRequest(431, f"the request head is longer than {HEAD_BYTES_MAX} bytes")
            return False
        request = parse_head(bytes(self._buffer[:end]))
        self._buffer = self._buffer[end + 4 :]
        length = body_framing(request.headers, self._server.limits.body_bytes_max)
        self._chunked = length < 0
        self._body_missing = max(length, 0)
        self._request = request
        if "expect" in request.headers and len(self._buffer) < (length if length > 0 else 1):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _read_body(self) -> bool:
        """Whether the request is whole; if so it went to the application."""
        request = self._request
        assert request is not None
        if self._chunked:
            if not self._read_chunks():
                return False
            request.body = self._body
            self._body = bytearray()
        elif self._body_missing:
            if not self._body and len(self._buffer) >= self._body_missing:
                request.body = bytes(self._buffer[: self._body_missing])
                self._buffer = self._buffer[self._body_missing :]
            else:
                self._take_body()
                if self._body_missing:
                    return False
                request.body = self._body
                self._body = bytearray()
        self._request = None
        self._dispatch(request)
        return True

    def _take_body(self) -> None:
        piece = self._buffer[: self._body_missing]
        self._body += piece
        self._body_missing -= len(piece)
        self._buffer = self._buffer[len(piece) :]

    def _read_chunks(self) -> bool:
        """Whether the last chunk and the trailers (which are dropped) were there."""
        while True:
            if self._body_missing:
                self._take_body()
                if self._body_missing:
                    return False
                self._body_missing = -2  # the chunk's own line end
            if self._body_missing == -2:
                if len(self._buffer) < 2:
                    return False
                if self._buffer[:2] != b"\r\n":
                    raise BadRequest(400, "a chunk is longer than its size says")
                self._buffer = self._buffer[2:]
                self._body_missing = 0
            end = self._buffer.find(b"\r\n", 0, 1024)
            if end < 0:
                if len(self._buffer) >= 1024:
                    raise BadRequest(400, "a chunk size line is longer than 1024 bytes")
                return False
            match = CHUNK_SIZE.fullmatch(bytes(self._buffer[:end]))
            if match is None:
                raise BadRequest(400, "got no chunk size, expected hexadecimal digits")
            size = int(match.group(1), 16)
            if size == 0:
                return self._drop_trailers(end)
            if len(self._body) + size > self._server.limits.body_bytes_max:
                limit = self._server.limits.body_bytes_max
                raise BadRequest(413, too_large("a larger chunked body", limit))
            self._buffer = self._buffer[end + 2 :]
            self._body_missing = size

    def _drop_trailers(self, end: int) -> bool:
        stop = self._buffer.find(b"\r\n\r\n", end, end + HEAD_BYTES_MAX)
        if stop < 0:
            if len(self._buffer) - end > HEAD_BYTES_MAX:
                raise BadRequest(431, f"the trailers are longer than {HEAD_BYTES_MAX} bytes")
            return False
        self._buffer = self._buffer[stop + 4 :]
        return True

    def _dispatch(self, request: Request) -> None:
        self._answering = request
        self.deadline = None
        try:
            answer = self._server.application(request)
        except Exception:  # whatever it is, one request fails and the others go on
            traceback.print_exc()
            answer = error_response(500, "the worker failed; its log has the traceback")
        if isinstance(answer, Response):
            self._send(answer)
        else:
            self._answer = answer
            answer.add_done_callback(self._answered)

    def _answered(self, answer: asyncio.Future[Response]) -> None:
        self._answer = None
        if self._closed or answer.cancelled():
            self._answering = None
            return
        error = answer.exception()
        if error is not None:
            traceback.print_exception(type(error), error, error.__traceback__)
        self._send(error_response(500, "the worker failed; its log has the traceback") if error else answer.result())
        if not self._closed:
            self._transport.resume_reading()
            self._advance()

    def _send(self, response: Response) -> None:
        request = self._answering
        assert request is not None
        self._answering = None
        keep = request.keep_alive and not self._server.draining
        self._write(response, keep, head_only=request.method == "HEAD")
        if not keep:
            self._closed = True
            self._transport.close()

    def _write(self, response: Response, keep: bool, head_only: bool = False) -> None:
        head = response_head(response, keep)
        self._transport.write(head if head_only else head + response.body)

    def _refuse(self, status: int, text: str) -> None:
        self._request = None
        self._buffer = b""
        self._body = bytearray()
        self._lingering = LINGER_BYTES_MAX
        self._write(error_response(status, f"{text}."), keep=False)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.deadline = time.monotonic() + LINGER_S


class HttpServer:
    """Serves `application` on a listening socket until SIGTERM or `stop()`, then finishes what is in flight."""

    def __init__(self, application: Application, limits: HttpLimits | None = None) -> None:
        self.application = application
        self.limits = limits or HttpLimits()
        self.draining = False
        self._connections: set[Connection] = set()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, listener: socket.socket) -> None:
        """Blocks. The listener stays open: it belongs to whoever made it, and the next worker takes it over."""
        loop = _new_event_loop()
        try:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(self._serve(loop, listener))
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def stop(self) -> None:
        """Begins the drain; may be called from any thread."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None:
            loop.call_soon_threadsafe(stop.set)

    def admit(self, connection: Connection) -> bool:
        self._connections.add(connection)
        return len(self._connections) <= self.limits.connections_max

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)

    async def _serve(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        self._loop, self._stop = loop, asyncio.Event()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stop.set)
        own = listener.dup()  # closing the asyncio server must not close the listener that we were lent
        own.setblocking(False)
        server = await self._listen(loop, own)
        sweep = loop.create_task(self._sweep())
        await self._stop.wait()
        self.draining = True
        server.close()
        await self._drain()
        sweep.cancel()

    async def _listen(self, loop: asyncio.AbstractEventLoop, own: socket.socket) -> asyncio.AbstractServer:
        if own.family != socket.AF_UNIX:
            return await loop.create_server(lambda: Connection(self), sock=own, backlog=1024)
        # Since 3.13 asyncio unlinks a unix socket's path when its server closes; this path is not ours to unlink.
        keep: dict[str, Any] = {"cleanup_socket": False} if _unlinks_sockets(loop) else {}
        return await loop.create_unix_server(lambda: Connection(self), sock=own, backlog=1024, **keep)

    async def _drain(self) -> None:
        await asyncio.sleep(0)  # what the kernel already handed over is read before idle connections close
        until = time.monotonic() + self.limits.drain_timeout_s
        while self._connections and time.monotonic() < until:
            for connection in list(self._connections):
                connection.close_when_idle()
            await asyncio.sleep(0.005)

    async def _sweep(self) -> None:
        while True:
            # Whether a worker is idle is measured by how often it wakes, so one that waits for nothing sleeps longer.
            pause_s = SWEEP_S if any(c.deadline is not None for c in self._connections) else QUIET_SWEEP_S
            await asyncio.sleep(min(pause_s, self.limits.read_timeout_s / 4))
            now = time.monotonic()
            for connection in [c for c in self._connections if c.deadline is not None and c.deadline < now]:
                connection.expire()


def _new_event_loop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = asyncio.new_event_loop() if _uvloop is None else _uvloop.new_event_loop()
    return loop


def _unlinks_sockets(loop: asyncio.AbstractEventLoop) -> bool:
    return sys.version_info >= (3, 13) and isinstance(loop, asyncio.SelectorEventLoop)
