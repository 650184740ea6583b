from __future__ import annotations

import datetime

import pytest

from modelyard.sdk.errors import ModelyardError
from modelyard.sdk.frames import from_rows, to_rows

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")


def test_to_rows_frame_gives_json_values_and_null_for_what_is_missing() -> None:
    frame = pd.DataFrame(
        {
            "n": [np.int64(1), 2], "x": [1.5, float("nan")], "t": ["a", None], "b": [True, False],
            "d": [pd.Timestamp("2026-01-02"), pd.NaT], "c": pd.Categorical(["u", None]),
        }
    )  # fmt: skip
    assert to_rows(frame) == [
        {"n": 1, "x": 1.5, "t": "a", "b": True, "d": "2026-01-02T00:00:00", "c": "u"},
        {"n": 2, "x": None, "t": None, "b": False, "d": None, "c": None},
    ]


def test_to_rows_array_takes_names_or_numbers_them() -> None:
    assert to_rows(np.array([[1, 2]]), names=["a", "b"]) == [{"a": 1, "b": 2}]
    assert to_rows(np.array([1.0, 2.0])) == [{"x0": 1.0, "x1": 2.0}]


def test_to_rows_dict_and_series_are_one_row() -> None:
    assert to_rows({"a": datetime.date(2026, 1, 2)}) == [{"a": "2026-01-02"}]
    assert to_rows(pd.Series({"a": 1, "b": 2})) == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("table", ["text", 3, [], [1, 2]])
def test_to_rows_anything_else_is_refused(table: object) -> None:
    with pytest.raises(ModelyardError, match="expected a DataFrame"):
        to_rows(table)


def test_from_rows_gives_a_frame() -> None:
    assert list(from_rows([{"a": 1}]).columns) == ["a"]
