"""Rows in: what is accepted, how it is typed, and how errors read."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from modelyard_worker.failures import Refused
from modelyard_worker.jsontext import loads
from modelyard_worker.rows import read_rows, split_body
from modelyard_worker.schema import Column
from modelyard_worker.tables import Inputs

NUMBERS = Inputs([Column("mean area", "FP64"), Column("worst area", "FP64")], "case_id")
MIXED = Inputs(
    [
        Column("age", "INT64"),
        Column("weight", "FP32", nullable=True),
        Column("smoker", "BOOL", kind="boolean"),
        Column("city", "BYTES", kind="category", categories=("Utrecht", "Delft")),
        Column("seen", "BYTES", kind="date", nullable=True),
        Column("note", "BYTES", kind="text", nullable=True),
        Column("trace", "FP64", shape=(2,)),
    ]
)
GOOD = {
    "age": 41, "weight": 70.5, "smoker": False, "city": "Delft", "seen": "2019-03-31", "note": "é", "trace": [1, 2.5],
}  # fmt: skip


def refusal(rows, inputs=MIXED) -> str:
    with pytest.raises(Refused) as caught:
        read_rows(rows, inputs)
    assert caught.value.status == 400
    return str(caught.value)


def test_uniform_numbers_become_one_matrix():
    table = read_rows([{"worst area": 2, "mean area": 1.5}, {"mean area": 3, "worst area": 4}], NUMBERS)
    assert table.matrix.dtype == np.float64
    assert table.matrix.tolist() == [[1.5, 2.0], [3.0, 4.0]]


def test_key_column_is_allowed_beside_the_inputs():
    row = {"mean area": 1.0, "worst area": 2.0, "case_id": "c-7"}
    rows, keys = split_body([row, {**row, "case_id": 8}], NUMBERS)
    assert keys == ["c-7", 8]
    assert read_rows(rows, NUMBERS).array().shape == (2, 2)


def test_mixed_row_becomes_a_typed_frame():
    frame = read_rows([GOOD, {**GOOD, "weight": None, "seen": None, "note": None}], MIXED).frame()
    assert [str(dtype) for dtype in frame.dtypes[["age", "weight", "smoker"]]] == ["int64", "float32", "bool"]
    assert isinstance(frame["city"].dtype, pd.CategoricalDtype)
    assert frame["seen"].dtype.kind == "M"
    assert frame["seen"][0] == pd.Timestamp("2019-03-31")
    assert np.isnan(frame["weight"][1])
    assert pd.isna(frame["seen"][1])
    assert frame["trace"][0] == [1.0, 2.5]


def test_mixed_row_as_dicts_keeps_plain_values():
    assert read_rows([GOOD], MIXED).dicts() == [{**GOOD, "trace": [1.0, 2.5]}]


def test_nullable_columns_may_be_absent_or_null_or_nan():
    row = {name: value for name, value in GOOD.items() if name not in ("weight", "note", "seen")}
    for weight in ({}, {"weight": None}, {"weight": float("nan")}):
        assert read_rows([{**row, **weight}], MIXED).dicts()[0]["weight"] is None


def test_nullable_integers_become_floats_with_gaps():
    inputs = Inputs([Column("n", "INT64", nullable=True)])
    assert str(read_rows([{"n": 1}, {"n": None}], inputs).frame()["n"].dtype) == "float64"
    assert str(read_rows([{"n": 1}, {"n": 2}], inputs).frame()["n"].dtype) == "int64"


def test_nullable_floats_reach_an_array_as_nan():
    inputs = Inputs([Column("a", "FP64", nullable=True), Column("b", "FP64")])
    array = read_rows([{"a": None, "b": 1}, {"a": 2, "b": 3}], inputs).array()
    assert np.isnan(array[0, 0])
    assert array[1].tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"age": "41"}, 'rows[0]."age": got string "41", expected INT64. Send 41'),
        ({"age": 41.5}, 'rows[0]."age": got number 41.5, expected INT64. Send a number'),
        ({"age": True}, 'rows[0]."age": got boolean true, expected INT64. Send a number'),
        ({"age": 2**63}, f'rows[0]."age": got {2**63}, expected INT64 ({-(2**63)} to {2**63 - 1})'),
        ({"age": None}, 'rows[0]."age": got null, expected INT64, not null'),
        ({"age": float("nan")}, 'rows[0]."age": got NaN, expected INT64, not null'),
        ({"weight": "70,5"}, 'rows[0]."weight": got string "70,5", expected FP32. Send 70.5'),
        ({"weight": "70,500"}, 'rows[0]."weight": got string "70,500", expected FP32. Send a number'),
        ({"weight": "heavy"}, 'rows[0]."weight": got string "heavy", expected FP32. Send a number'),
        ({"weight": float("inf")}, 'rows[0]."weight": got number inf, expected FP32. Send a number'),
        ({"weight": 10**400}, 'rows[0]."weight": got number 1000'),
        ({"smoker": "True"}, 'rows[0]."smoker": got string "True", expected BOOL (true or false). Send true'),
        ({"smoker": 1}, 'rows[0]."smoker": got number 1, expected BOOL (true or false). Send true or false'),
        ({"city": "Delf"}, 'got string "Delf", expected one of "Utrecht", "Delft". Did you mean "Delft"?'),
        ({"city": 3}, 'rows[0]."city": got number 3, expected one of "Utrecht", "Delft". Send "3"'),
        ({"seen": "2019-02-30"}, 'got string "2019-02-30", expected an ISO 8601 date. Send such as 2019-03-31'),
        ({"seen": "31/03/2019"}, 'rows[0]."seen": got string "31/03/2019", expected an ISO 8601 date'),
        ({"note": 5}, 'rows[0]."note": got number 5, expected BYTES (a string). Send "5"'),
        ({"note": {"a": 1}}, 'rows[0]."note": got an object, expected BYTES (a string). Send a string'),
        ({"trace": [1]}, 'rows[0]."trace": got a list of 1, expected a list of shape [2] of FP64'),
        ({"trace": [1, "x"]}, 'rows[0]."trace": got string "x", expected a list of shape [2] of FP64. Send a number'),
        ({"aeg": 1}, 'rows[0]."aeg": unknown column.'),
    ],
)
def test_wrong_value_is_named_with_place_type_and_remedy(change, error):
    assert error in refusal([{**GOOD, **change}])


def test_error_names_the_row_that_is_wrong():
    assert refusal([GOOD, {**GOOD, "age": "x"}]).startswith('rows[1]."age"')


def test_misspelt_column_is_recognized():
    row = {"mean area": 1.0, "wrost area": 2.0}
    assert refusal([row], NUMBERS) == 'rows[0]."wrost area": unknown column. Did you mean "worst area"?'


def test_missing_column_is_named():
    assert refusal([{"mean area": 1.0}], NUMBERS) == 'rows[0]."worst area": missing, expected FP64'


def test_superfluous_column_is_refused_also_among_uniform_numbers():
    row = {"mean area": 1.0, "worst area": 2.0, "zzz": 3}
    assert 'rows[0]."zzz": unknown column. Expected "mean area"' in refusal([row], NUMBERS)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), "1", True, [1], 10**400])
def test_uniform_numbers_take_nothing_but_finite_numbers(value):
    assert refusal([{"mean area": 1.0, "worst area": value}], NUMBERS).startswith('rows[0]."worst area": got')


def test_row_that_is_no_object_is_refused():
    assert refusal([[1, 2]], NUMBERS) == "rows[0]: got a list of 2, expected an object keyed by column name"


def test_nan_in_json_text_is_read_so_that_its_place_can_be_named():
    rows, _ = split_body(loads(b'[{"mean area": NaN, "worst area": 1}]'), NUMBERS)
    assert refusal(rows, NUMBERS) == 'rows[0]."mean area": got NaN, expected FP64, not null'


@pytest.mark.parametrize(
    ("body", "count", "keys"),
    [
        ({"rows": [{"a": 1}, {"a": 2}]}, 2, None),
        ({"rows": [{"a": 1}, {"a": 2}], "key": ["x", 2]}, 2, ["x", 2]),
        ({"rows": [{"a": 1}], "key": "x"}, 1, ["x"]),
        ([{"a": 1}], 1, None),
        ({"a": 1}, 1, None),
        ({"a": 1, "case_id": "c"}, 1, ["c"]),
        ({"rows": 5}, 1, None),
    ],
)
def test_body_may_be_wrapped_a_list_or_one_row(body, count, keys):
    rows, got = split_body(body, Inputs([Column("a", "INT64")], "case_id"))
    assert (len(rows), got) == (count, keys)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ([], "rows: got an empty list, expected at least one object"),
        ({"rows": []}, "rows: got an empty list, expected at least one object"),
        (5, "got number 5, expected"),
        ({"rows": [{}], "kye": 1}, 'got "kye" beside "rows", expected only "rows" and "key"'),
        ({"rows": [{}], "key": [1, 2]}, "key: got 2 keys for 1 rows. Send one for each row"),
        ({"rows": [{}], "key": [1.5]}, "key[0]: got number 1.5, expected a string or an integer"),
        ({"rows": [{}], "key": "x" * 257}, "key[0]: got 257 characters, expected at most 256"),
    ],
)
def test_wrong_body_is_refused(body, error):
    with pytest.raises(Refused) as caught:
        split_body(body, NUMBERS)
    assert str(caught.value).startswith(error)


def test_fast_and_careful_reading_agree():
    rows = [{"mean area": 0.1 * n, "worst area": n} for n in range(20)]
    careful = Inputs([Column("mean area", "FP64", nullable=True), Column("worst area", "FP64")])
    with_gap = [*rows, {"mean area": None, "worst area": 1}]
    assert np.array_equal(read_rows(rows, NUMBERS).array(), read_rows(with_gap, careful).array()[:-1])


def test_long_values_are_cut_in_errors():
    assert len(refusal([{**GOOD, "age": "x" * 10_000}])) < 300
    assert json.loads(json.dumps(refusal([{**GOOD, "y" * 10_000: 1}])))
