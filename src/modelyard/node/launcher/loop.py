"""A poll loop with timers for one thread: descriptors call back when ready, deadlines when due."""

from __future__ import annotations

import heapq
import itertools
import select
import time
from collections.abc import Callable
from contextlib import suppress

Ready = Callable[[int], None]


class Loop:
    def __init__(self) -> None:
        self._poll = select.epoll()
        self._ready: dict[int, Ready] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.running = True

    def watch(self, fd: int, ready: Ready, events: int = select.EPOLLIN) -> None:
        """Calls `ready(events)` whenever the descriptor is; replaces an earlier watch of it."""
        if fd in self._ready:
            self._poll.modify(fd, events)
        else:
            self._poll.register(fd, events)
        self._ready[fd] = ready

    def forget(self, fd: int) -> None:
        """Before the descriptor is closed; harmless if it was not watched."""
        if self._ready.pop(fd, None) is not None:
            with suppress(OSError, ValueError):
                self._poll.unregister(fd)

    def after(self, delay_s: float, due: Callable[[], None]) -> None:
        """Calls `due()` once; there is no cancelling, so it must look whether it still applies."""
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._order), due))

    def run(self) -> None:
        """Until `running` is false."""
        while self.running:
            wait_s = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else -1
            for fd, events in self._poll.poll(wait_s):
                ready = self._ready.get(fd)
                if ready is not None:
                    ready(events)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2]()
