"""When an answer counts as the one that the build recorded."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.node.supervisor.asking import WrongAnswer, check_answer, is_same


@pytest.mark.parametrize(
    ("got", "expected", "same"),
    [
        (1.0000000001, 1.0, True),
        (1.001, 1.0, False),
        (1, 1.0, True),
        (True, 1, False),
        (None, None, True),
        (None, 0, False),
        ({"a": [1.0, "x"]}, {"a": [1.0, "x"]}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1.0], [1.0, 2.0], False),
        ("benign", "malignant", False),
    ],
)
def test_answers_compare_with_tolerance_for_numbers_alone(got: Any, expected: Any, same: bool) -> None:
    assert is_same(got, expected) is same


def test_answer_good_passes_with_and_without_a_record() -> None:
    check_answer(200, {"predictions": [{"y": 2.0}]}, [{"y": 2.0}])
    check_answer(200, {"predictions": [{"y": 3.0}]}, None)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(500, {"error": "no"}), (200, "text"), (200, {}), (200, {"predictions": [{"y": 9.0}]}), (200, {"predictions": 3})],
)
def test_answer_bad_is_told_with_what_came(status: int, answer: Any) -> None:
    with pytest.raises(WrongAnswer):
        check_answer(status, answer, [{"y": 2.0}])
