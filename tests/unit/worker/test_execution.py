"""Where a model call runs: cheap ones in the loop, slow ones in a thread, with deadlines for both."""

from __future__ import annotations

import asyncio
import threading
import time

from modelyard_worker.execution import ModelExecution
from modelyard_worker.messages import Response

OK, LATE = Response(200, b"ok"), Response(504, b"late")


def work_of(seconds: float, places: list[str]):
    def work() -> Response:
        places.append(threading.current_thread().name)
        time.sleep(seconds)
        return OK

    return work


async def answers(execution, seconds, count, places, timeout_s=5.0, heavy=False):
    got = []
    for _ in range(count):
        answer = execution.run(work_of(seconds, places), lambda: LATE, timeout_s, heavy)
        got.append(answer if isinstance(answer, Response) else await answer)
    return got


def test_cheap_model_moves_into_the_loop_after_it_proved_itself():
    places: list[str] = []
    execution = ModelExecution()
    assert asyncio.run(answers(execution, 0, 5, places)) == [OK] * 5
    assert places == ["model", "model", *["MainThread"] * 3]


def test_slow_model_stays_in_its_thread():
    places: list[str] = []
    asyncio.run(answers(ModelExecution(), 0.01, 5, places))
    assert set(places) == {"model"}


def test_model_that_becomes_slow_leaves_the_loop_and_returns_when_calm():
    async def story():
        places: list[str] = []
        execution = ModelExecution()
        await answers(execution, 0, 10, places)
        await answers(execution, 0.03, 3, places)
        assert execution.threaded
        await answers(execution, 0, 30, places)
        assert not execution.threaded

    asyncio.run(story())


def test_heavy_request_of_a_cheap_model_goes_to_the_thread():
    async def story():
        execution = ModelExecution()
        await answers(execution, 0, 5, [])
        places: list[str] = []
        await answers(execution, 0, 1, places, heavy=True)
        assert places == ["model"]

    asyncio.run(story())


def test_deadline_answers_late_while_the_call_goes_on():
    async def story():
        execution = ModelExecution()
        started = time.perf_counter()
        assert await answers(execution, 0.5, 1, [], timeout_s=0.05) == [LATE]
        assert time.perf_counter() - started < 0.4
        return await answers(execution, 0, 1, [], timeout_s=5)

    assert asyncio.run(story()) == [OK]


def test_call_nobody_waits_for_is_never_made():
    async def story():
        execution, places = ModelExecution(), []
        first = execution.run(work_of(0.2, places), lambda: LATE, 5)
        second = execution.run(work_of(0, places), lambda: LATE, 5)
        second.cancel()
        third = execution.run(work_of(0, places), lambda: LATE, 0.05)
        assert [await third, await first] == [LATE, OK]
        await answers(execution, 0, 1, places)
        assert len(places) == 2

    asyncio.run(story())


def test_late_call_in_the_loop_is_answered_late():
    async def story():
        execution = ModelExecution()
        await answers(execution, 0, 5, [])
        return await answers(execution, 0.05, 1, [], timeout_s=0.01)

    assert asyncio.run(story()) == [LATE]


def test_calls_never_overlap():
    async def story():
        execution, active, overlaps = ModelExecution(), [0], []

        def work() -> Response:
            active[0] += 1
            overlaps.append(active[0])
            time.sleep(0.001)
            active[0] -= 1
            return OK

        for _ in range(100):
            answers = [execution.run(work, lambda: LATE, 5, heavy=n % 3 == 0) for n in range(5)]
            await asyncio.gather(*(a for a in answers if not isinstance(a, Response)))
        assert set(overlaps) == {1}

    asyncio.run(story())
