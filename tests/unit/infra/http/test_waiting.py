"""Bells: what waits wakes by a ring, by time, or because the process ends."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from modelyard.infra.http.sse import Frame, event_stream
from modelyard.infra.http.waiting import Bell, wait_for_news

T = TypeVar("T")
LONG_S = 30.0


def run(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """Its answer, and its seconds."""
    started = time.monotonic()
    answer = asyncio.run(work)
    return answer, time.monotonic() - started


def later(action: Any) -> None:
    threading.Timer(0.1, action).start()


def test_bell_rung_by_a_thread_wakes_poll_that_finds_the_news() -> None:
    bell, news = Bell(), []

    def tell() -> None:
        news.append("it happened")
        bell.ring()

    async def poll() -> str | None:
        later(tell)
        return await wait_for_news(bell, lambda: news[0] if news else None, wait_s=LONG_S, look_every_s=LONG_S)

    answer, took_s = run(poll())
    assert answer == "it happened"
    assert took_s < LONG_S / 2


def test_bell_rung_while_looking_is_not_missed() -> None:
    bell, looks = Bell(), []

    def look() -> int | None:
        looks.append(1)
        if len(looks) == 1:
            bell.ring()
            return None
        return len(looks)

    answer, took_s = run(wait_for_news(bell, look, wait_s=LONG_S, look_every_s=LONG_S))
    assert answer == 2
    assert took_s < LONG_S / 2


def test_poll_without_a_ring_looks_again_and_ends_in_time() -> None:
    looks: list[int] = []
    answer, took_s = run(wait_for_news(Bell(), lambda: looks.append(1), wait_s=0.3, look_every_s=0.1))
    assert answer is None
    assert len(looks) >= 2
    assert 0.3 <= took_s < LONG_S


def test_closed_bell_ends_polls_that_wait_and_polls_that_come_later() -> None:
    bell = Bell()

    async def poll() -> None:
        later(bell.close)
        assert await wait_for_news(bell, lambda: None, wait_s=LONG_S, look_every_s=LONG_S) is None
        assert await wait_for_news(bell, lambda: None, wait_s=LONG_S, look_every_s=LONG_S) is None

    _, took_s = run(poll())
    assert took_s < LONG_S / 2


def test_closed_bell_ends_event_stream_after_what_there_was() -> None:
    bell, reads = Bell(), []

    def read_after(last: int) -> tuple[list[Frame], bool]:
        reads.append(last)
        return [Frame(1, "log", {"text": "hello"})] if last == 0 else [], False

    async def consume() -> list[Any]:
        later(bell.close)
        return [piece async for piece in event_stream(read_after, 0, bell, poll_s=LONG_S).body_iterator]

    pieces, took_s = run(consume())
    assert pieces == [b'id: 1\nevent: log\ndata: {"text":"hello"}\n\n']
    assert took_s < LONG_S / 2


def test_cancelled_listener_ends_though_it_rings_at_that_moment() -> None:
    async def cancel_and_ring() -> bool:
        bell = Bell()
        task = asyncio.create_task(bell.listen(bell.rings, LONG_S))
        await asyncio.sleep(0.01)
        bell.ring()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert run(cancel_and_ring())[0]


def test_thread_wakes_by_ring_and_waits_out_its_time_after_close() -> None:
    bell = Bell()
    later(bell.ring)
    started = time.monotonic()
    bell.wait(bell.rings, LONG_S)
    assert time.monotonic() - started < LONG_S / 2
    bell.close()
    started = time.monotonic()
    bell.wait(bell.rings, 0.2)  # whoever loops over a closed bell must not spin
    assert time.monotonic() - started >= 0.2
