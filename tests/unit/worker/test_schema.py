"""What is inferred from samples and answers, and what counts as a contradiction."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from modelyard.contracts.version_document import schema_from_json as contract_schema_from_json
from modelyard_worker.failures import CheckFailure
from modelyard_worker.outputs import UnusableAnswer, json_rows, output_columns
from modelyard_worker.schema import (
    Column,
    ModelSchema,
    check_contradiction,
    column_from_json,
    infer_inputs,
    infer_outputs,
    is_iso_date,
    schema_from_json,
)


def test_inputs_are_inferred_from_json_rows():
    rows = [
        {"id": "c1", "n": 1, "x": 1, "b": True, "t": "a", "d": "2019-03-31", "v": [1.0, 2.0], "o": None},
        {"id": "c2", "n": 2, "x": 1.5, "b": False, "t": "2019-03-31", "d": "2020-01-01T10:00:00Z", "v": [3, 4], "o": 1},
    ]
    assert infer_inputs(rows, key="id") == (
        Column("n", "INT64"),
        Column("x", "FP64"),
        Column("b", "BOOL", kind="boolean"),
        Column("t", "BYTES", kind="text"),
        Column("d", "BYTES", kind="date"),
        Column("v", "FP64", shape=(2,)),
        Column("o", "INT64", nullable=True),
    )


def test_inputs_of_a_frame_keep_its_dtypes():
    frame = pd.DataFrame(
        {
            "f": np.array([1, 2], "float32"),
            "u": np.array([1, 2], "uint8"),
            "c": pd.Categorical(["a", None], categories=["a", "b"]),
            "d": pd.to_datetime(["2019-01-01", None]),
            "s": ["2019-01-01", "2019-01-02"],
            "i": pd.array([1, None], "Int64"),
        }
    )
    assert infer_inputs(frame) == (
        Column("f", "FP32"),
        Column("u", "UINT8"),
        Column("c", "BYTES", nullable=True, kind="category", categories=("a", "b")),
        Column("d", "BYTES", nullable=True, kind="date"),
        Column("s", "BYTES", kind="text"),
        Column("i", "INT64", nullable=True),
    )


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no list of row objects"),
        ([{}], "no list of row objects"),
        ([[1]], "no list of row objects"),
        ([{"a": None}], 'no value for "a"'),
        ([{"a": 1}, {"a": "x"}], 'column "a" has values of type int, str'),
        ([{"a": {"b": 1}}], 'column "a" has values of type dict'),
        ([{"a": [1]}, {"a": [1, 2]}], 'column "a" has lists of different or no length'),
    ],
)
def test_sample_without_one_type_a_column_is_rejected(rows, words):
    with pytest.raises(CheckFailure) as caught:
        infer_inputs(rows)
    assert caught.value.code == "builds.sample_rejected"
    assert words in caught.value.message


@pytest.mark.parametrize(
    "text", ["2019-03-31", "2019-03-31T10:00", "2019-03-31 10:00:05.25", "2019-03-31T10:00:00+02:00"]
)
def test_iso_date_is_recognized(text):
    assert is_iso_date(text)


@pytest.mark.parametrize("text", ["2019-02-30", "20190331", "2019-3-1", "2019-03-31T25:00", "x", "2019-03-31x"])
def test_other_text_is_no_iso_date(text):
    assert not is_iso_date(text)


@pytest.mark.parametrize(
    "answer",
    [
        pd.DataFrame({"label": ["a", "b"], "p": [0.5, np.nan]}),
        {"label": np.array(["a", "b"]), "p": [0.5, None]},
        {"label": pd.Series(["a", "b"]), "p": np.array([0.5, np.nan])},
        [{"label": "a", "p": 0.5}, {"label": "b", "p": float("nan")}],
        [{"label": np.str_("a"), "p": np.float64(0.5)}, {"label": "b"}],
    ],
)
def test_tables_of_any_form_become_the_same_columns(answer):
    columns = output_columns(answer, 2)
    assert infer_outputs(columns) == (Column("label", "BYTES", kind="text"), Column("p", "FP64", nullable=True))
    rows = json_rows(columns)
    assert json.dumps(rows[0]) == '{"label": "a", "p": 0.5}'
    assert type(rows[0]["label"]) is str


@pytest.mark.parametrize(
    ("answer", "declared", "rows", "datatypes"),
    [
        (np.array([1, 2]), (), [{"prediction": 1}, {"prediction": 2}], ["INT64"]),
        (np.array([1, 2], "float32"), ("y",), [{"y": 1.0}, {"y": 2.0}], ["FP32"]),
        ([True, False], (), [{"prediction": True}, {"prediction": False}], ["BOOL"]),
        (pd.Series([1.5, 2.5], name="z"), (), [{"z": 1.5}, {"z": 2.5}], ["FP64"]),
        (np.array([[1.0], [2.0]]), (), [{"prediction": 1.0}, {"prediction": 2.0}], ["FP64"]),
        (np.array([[1, 2], [3, 4]]), ("a", "b"), [{"a": 1, "b": 2}, {"a": 3, "b": 4}], ["INT64", "INT64"]),
        (np.array([[1, 2], [3, 4]]), (), [{"prediction": [1, 2]}, {"prediction": [3, 4]}], ["INT64"]),
        (pd.to_datetime(["2019-01-01", "2019-01-02"]), (), None, ["BYTES"]),
    ],
)
def test_answers_without_names_get_declared_or_default_ones(answer, declared, rows, datatypes):
    columns = output_columns(answer, 2, [Column(name, "FP64") for name in declared])
    assert [column.datatype for column in infer_outputs(columns)] == datatypes
    if rows is not None:
        assert json_rows(columns) == rows


def test_dates_and_missing_values_leave_as_iso_text_and_null():
    frame = pd.DataFrame(
        {
            "d": pd.to_datetime(["2019-01-01", None]),
            "t": pd.to_datetime(["2019-01-01T10:00:00.5", "2019-01-01"], format="ISO8601"),
            "n": pd.array([1, None], "Int64"),
            "s": ["x", None],
            "o": [b"raw", pd.Timestamp("2019-01-02")],
        }
    )
    assert json_rows(output_columns(frame, 2)) == [
        {"d": "2019-01-01", "t": "2019-01-01T10:00:00.5", "n": 1, "s": "x", "o": "raw"},
        {"d": None, "t": "2019-01-01", "n": None, "s": None, "o": "2019-01-02"},
    ]


def test_single_scalar_answers_a_single_row():
    assert json_rows(output_columns({"p": 0.5, "q": np.float64(1)}, 1)) == [{"p": 0.5, "q": 1.0}]
    assert json_rows(output_columns(3, 1)) == [{"prediction": 3}]


@pytest.mark.parametrize("answer", [np.array([1, 2, 3]), [1], None, {"a": 1}, {}, "ab", pd.DataFrame({"a": [1]})])
def test_answer_without_a_row_for_each_row_is_unusable(answer):
    with pytest.raises(UnusableAnswer):
        output_columns(answer, 2)


def test_schema_round_trips_through_json_and_the_contract():
    schema = ModelSchema(
        (Column("a", "FP64"), Column("c", "BYTES", nullable=True, kind="category", categories=("x",))),
        (Column("p", "FP32", shape=(2,)),),
        "id",
        "array",
    )
    value = json.loads(json.dumps(schema.to_json()))
    assert schema_from_json(value) == schema
    contract = contract_schema_from_json(value)
    assert (contract.layout, contract.key, contract.inputs[1].categories) == ("array", "id", ("x",))


def test_declared_column_without_kind_gets_the_one_of_its_type():
    assert column_from_json({"name": "a", "datatype": "bytes"}).kind == "text"
    assert column_from_json({"name": "a", "datatype": "BYTES", "categories": ["x"]}).kind == "category"
    assert column_from_json({"name": "a", "datatype": "BOOL"}).kind == "boolean"


@pytest.mark.parametrize(
    ("declared", "seen"),
    [
        (Column("a", "FP64"), Column("a", "INT64")),
        (Column("a", "FP32"), Column("a", "FP64")),
        (Column("a", "INT32"), Column("a", "INT64")),
        (Column("a", "FP64", nullable=True), Column("a", "FP64")),
        (Column("a", "BYTES", kind="category", categories=("x",)), Column("a", "BYTES", kind="text")),
    ],
)
def test_wider_declaration_is_no_contradiction(declared, seen):
    check_contradiction([declared], [seen], "inputs")


@pytest.mark.parametrize(
    ("declared", "seen", "finding"),
    [
        (Column("a", "INT64"), Column("a", "FP64"), 'inputs."a": saw FP64, declared INT64'),
        (Column("a", "FP64"), Column("a", "BYTES"), 'inputs."a": saw BYTES, declared FP64'),
        (Column("a", "FP64"), Column("a", "BOOL"), 'inputs."a": saw BOOL, declared FP64'),
        (Column("a", "FP64"), Column("a", "FP64", (2,)), 'inputs."a": saw FP64 of shape [2], declared FP64'),
        (Column("a", "FP64"), Column("a", "FP64", nullable=True), 'inputs."a": saw null, declared not nullable'),
        (Column("a", "FP64"), Column("b", "FP64"), 'inputs."b" was seen but is not declared'),
        (Column("a", "FP64"), Column("b", "FP64"), 'inputs."a" is declared but was not seen'),
    ],
)
def test_contradiction_is_named(declared, seen, finding):
    with pytest.raises(CheckFailure) as caught:
        check_contradiction([declared], [seen], "inputs")
    assert caught.value.code == "builds.schema_contradiction"
    assert finding in caught.value.details["findings"]
