"""Numbers that must never repeat or fall, on both databases."""

from __future__ import annotations

import threading

import pytest

from modelyard.deployment.desired_state.store import NumberStore
from modelyard.deployment.releases.store import EveryReleaseStore


def in_threads(work, count=4):
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    "take", [lambda uow: NumberStore(uow).raise_number(), lambda uow: EveryReleaseStore(uow).next_number()]
)
def test_number_of_writers_at_once_is_unique(database, take):
    taken: list[int] = []

    def work():
        for _ in range(5):
            with database.transaction() as uow:
                taken.append(take(uow))

    in_threads(work)
    assert sorted(taken) == list(range(1, 21))


def test_number_of_failed_change_is_given_again(database):
    with pytest.raises(RuntimeError, match="no"), database.transaction() as uow:  # noqa: PT012
        assert NumberStore(uow).raise_number() == 1
        raise RuntimeError("no")
    with database.transaction() as uow:
        assert NumberStore(uow).raise_number() == 1


def test_number_rises_beyond_what_a_node_has(database):
    with database.transaction() as uow:
        numbers = NumberStore(uow)
        assert [numbers.raise_number(), numbers.raise_number(41), numbers.raise_number(7)] == [1, 42, 43]
        assert numbers.get_number() == 43
