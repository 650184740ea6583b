"""What Envoy should do now, told to it in as few steps as possible."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from modelyard.kernel.errors import ErrorKind, PlatformError
from modelyard.node.gateway import Gateway, GatewayView

logger = logging.getLogger(__name__)
RETRY_S = 1.0


class Routing:
    """Many endpoints change at once and Envoy takes one view at a time: whoever asks waits for the first view that was
    built after asking."""

    def __init__(self, gateway: Gateway, view: Callable[[], GatewayView | None]) -> None:
        self._gateway = gateway
        self._view = view
        self._waiting: list[asyncio.Future[None]] = []
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.problem = ""

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="routing")

    async def publish(self) -> None:
        """Returns when Envoy has confirmed what holds now. Raises PlatformError if it does not take it."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._wanted.set()
        await future

    def request(self) -> None:
        """The same without waiting."""
        self._wanted.set()

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            waiting, self._waiting = self._waiting, []
            view = self._view()
            if view is None:
                self._waiting.extend(waiting)
                continue
            try:
                await self._gateway.apply(view)
                self.problem = ""
                _finish(waiting, None)
            except Exception as problem:  # noqa: BLE001  whatever went wrong, the next view must get its chance
                self.problem = str(problem)
                logger.error("Envoy did not take the view: %s", problem)
                _finish(waiting, problem)
                asyncio.get_running_loop().call_later(RETRY_S, self._wanted.set)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task


class RoutingFailed(PlatformError):
    kind = ErrorKind.UNAVAILABLE
    code = "node.routing_failed"
    message = "Envoy did not take the new routes: {reason}"


def _finish(waiting: list[asyncio.Future[None]], problem: Exception | None) -> None:
    for future in waiting:
        if future.done():
            continue
        if problem is None:
            future.set_result(None)
        else:
            future.set_exception(RoutingFailed(reason=str(problem)))
