"""Where a model call runs: in the event loop while it is cheap, in one thread of its own when it is not.

In the loop a cheap call costs nothing extra. A slow one would silence health and metadata, so it goes to the thread;
there is only one, because few models promise to be safe in two.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable

from modelyard_worker.messages import Response

SLOW_MS = 5.0
CALM_MS = 2.5
CALLS_UNTIL_TRUSTED = 2
_WEIGHT = 0.2

Work = Callable[[], Response]


class ModelExecution:
    """Runs work that may be slow; `work` answers for its own errors and never raises."""

    def __init__(self) -> None:
        self._average_ms = 0.0
        self._calls = 0
        self._threaded = True  # until the model has shown that it is cheap
        self._queued = 0
        self._queue: queue.SimpleQueue[tuple[Work, asyncio.Future[Response]]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def threaded(self) -> bool:
        return self._threaded

    def run(self, work: Work, late: Work, timeout_s: float, heavy: bool = False) -> Response | asyncio.Future[Response]:
        """The answer, or the promise of it. After `timeout_s` it is `late()`; the call itself can't be interrupted."""
        if self._threaded or heavy or self._queued:
            return self._in_thread(work, late, timeout_s)
        started = time.perf_counter()
        response = work()
        elapsed_s = time.perf_counter() - started
        self._learn(elapsed_s * 1000)
        return response if elapsed_s <= timeout_s else late()

    def _learn(self, elapsed_ms: float) -> None:
        self._calls += 1
        self._average_ms += (elapsed_ms - self._average_ms) * (_WEIGHT if self._calls > 3 else 1 / self._calls)
        if self._threaded:
            self._threaded = self._calls < CALLS_UNTIL_TRUSTED or self._average_ms > CALM_MS
        else:
            self._threaded = self._average_ms > SLOW_MS

    def _in_thread(self, work: Work, late: Work, timeout_s: float) -> asyncio.Future[Response]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Response] = loop.create_future()

        def expire() -> None:
            if not answer.done():
                answer.set_result(late())

        timer = loop.call_later(timeout_s, expire)
        answer.add_done_callback(lambda _: timer.cancel())
        self._queued += 1
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, args=(loop,), name="model", daemon=True)
            self._thread.start()
        self._queue.put((work, answer))
        return answer

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            work, answer = self._queue.get()
            started = time.perf_counter()
            response = None if answer.done() else work()  # nobody waits for an expired or abandoned call
            elapsed_ms = (time.perf_counter() - started) * 1000
            try:
                loop.call_soon_threadsafe(self._deliver, answer, response, elapsed_ms)
            except RuntimeError:
                return  # the loop closed: the worker has drained and leaves

    def _deliver(self, answer: asyncio.Future[Response], response: Response | None, elapsed_ms: float) -> None:
        self._queued -= 1
        if response is not None:
            self._learn(elapsed_ms)
            if not answer.done():
                answer.set_result(response)
