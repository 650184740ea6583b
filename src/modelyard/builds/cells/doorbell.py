"""Wakes who waits for something that other threads do: waiting threads, and coroutines of a long poll."""

from __future__ import annotations

import asyncio
import contextlib
import threading


class Doorbell:
    """A ring reaches everybody who waits now; it carries nothing, so whoever wakes looks for himself. Waiters also look
    without a ring from time to time: another process may have done the work."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0
        self._listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def rings(self) -> int:
        """To be read before looking, and handed to `wait`: a ring in between is not missed."""
        return self._rings

    def ring(self) -> None:
        """From any thread."""
        with self._condition:
            self._rings += 1
            self._condition.notify_all()
            listeners = list(self._listeners)
        for loop, event in listeners:
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits there any more
                loop.call_soon_threadsafe(event.set)

    def wait(self, seen: int, timeout_s: float) -> None:
        """Blocks the thread."""
        with self._condition:
            self._condition.wait_for(lambda: self._rings != seen, timeout_s)

    async def listen(self, seen: int, timeout_s: float) -> None:
        """Blocks the coroutine."""
        listener = (asyncio.get_running_loop(), asyncio.Event())
        with self._condition:
            if self._rings != seen:
                return
            self._listeners.add(listener)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listener[1].wait(), timeout_s)
        finally:
            with self._condition:
                self._listeners.discard(listener)
