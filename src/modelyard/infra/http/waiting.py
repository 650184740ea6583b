"""Long polls: coroutines wait for a bell that any thread may ring."""

from __future__ import annotations

import asyncio
import threading
from typing import Self


class Ring:
    """The next ring of a bell, taken before looking at what it announces, so that none is missed in between."""

    def __init__(self, bell: Bell, loop: asyncio.AbstractEventLoop) -> None:
        self._bell = bell
        self._loop = loop
        self._rung = asyncio.Event()

    def sound(self) -> None:
        """From any thread."""
        # A loop that closed in the meantime has nobody left waiting in it.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self, timeout_s: float) -> bool:
        """Whether it rang within the time."""
        try:
            await asyncio.wait_for(self._rung.wait(), max(timeout_s, 0.0))
        except TimeoutError:
            return False
        finally:
            self._bell.forget(self)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bell.forget(self)


class Bell:
    """Wakes all who wait. It carries no news: who wakes looks for itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[Ring] = set()

    def next_ring(self) -> Ring:
        """To be called in the coroutine that will wait."""
        ring = Ring(self, asyncio.get_running_loop())
        with self._lock:
            self._waiting.add(ring)
        return ring

    def ring(self) -> None:
        """From any thread; does not block on those who wait."""
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        for ring in waiting:
            ring.sound()

    def forget(self, ring: Ring) -> None:
        with self._lock:
            self._waiting.discard(ring)
