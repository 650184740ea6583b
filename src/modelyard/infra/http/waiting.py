"""Waiting for what other threads do: threads, and the coroutines of long polls and event streams."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

T = TypeVar("T")


class Bell:
    """A ring reaches everybody who waits now; it carries nothing, so whoever wakes looks for himself. Waiters also look
    without a ring from time to time: another process may have done the work."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0
        self._closed = False
        self._listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def rings(self) -> int:
        """To be read before looking, and handed to `wait` or `listen`: a ring in between is not missed."""
        return self._rings

    @property
    def is_closed(self) -> bool:
        return self._closed

    def ring(self) -> None:
        """From any thread; does not block on those who wait."""
        with self._condition:
            self._rings += 1
            self._condition.notify_all()
            listeners = list(self._listeners)
        for loop, event in listeners:
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits there any more
                loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """The process ends: all wake, and coroutines wait no more, so that no open request holds the end up. Threads
        learn elsewhere that they are to end."""
        self._closed = True
        self.ring()

    def wait(self, seen: int, timeout_s: float) -> None:
        """Blocks the thread."""
        with self._condition:
            self._condition.wait_for(lambda: self._rings != seen, timeout_s)

    async def listen(self, seen: int, timeout_s: float) -> None:
        """Blocks the coroutine."""
        listener = (asyncio.get_running_loop(), asyncio.Event())
        with self._condition:
            if self._rings != seen or self._closed:
                return
            self._listeners.add(listener)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await listener[1].wait()
        finally:
            with self._condition:
                self._listeners.discard(listener)


async def wait_for_news(bell: Bell, look: Callable[[], T | None], *, wait_s: float, look_every_s: float) -> T | None:
    """A long poll: what `look` finds, in a thread, now or later; None once `wait_s` is over or the bell closed."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while True:
        seen = bell.rings
        found = await run_in_threadpool(look)
        left_s = until - loop.time()
        if found is not None or left_s <= 0 or bell.is_closed:
            return found
        await bell.listen(seen, min(left_s, look_every_s))
