"""The same codec in an environment that has no numpy."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard_worker import arrays, exchange, outputs, rows, schema, tables, tensors
from modelyard_worker.exchange import table_of_tensors, tensors_of_columns
from modelyard_worker.oip import InferRequest, Tensor, decode_infer_request, encode_infer_request
from modelyard_worker.rows import read_rows
from modelyard_worker.schema import Column, infer_outputs

FLOATS = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5)


@pytest.fixture(autouse=True, scope="module")
def no_numpy():
    with pytest.MonkeyPatch.context() as patch:
        for module in (arrays, exchange, outputs, rows, schema, tables, tensors):
            if hasattr(module, "find_numpy"):
                patch.setattr(module, "find_numpy", lambda: None)
        yield


@settings(deadline=None)
@given(FLOATS, st.booleans())
def test_floats_round_trip(values, binary):
    request = InferRequest([Tensor("x", "FP64", (len(values),), values)])
    again = decode_infer_request(*encode_infer_request(request, ["x"] if binary else []))
    assert again.inputs[0].data == values


def test_bf16_is_widened():
    text = b'{"inputs":[{"name":"x","shape":[1],"datatype":"BF16","parameters":{"binary_data_size":2}}]}'
    raw = struct.pack("<f", -2.5)[2:]
    assert decode_infer_request(text + raw, len(text)).inputs[0].data == [-2.5]


def test_rows_and_tensors_become_the_same_dicts():
    inputs = tables.Inputs([Column("a", "FP64"), Column("b", "INT64", nullable=True)])
    expected = [{"a": 1.0, "b": 2}, {"a": 3.0, "b": 4}]
    assert read_rows([{"a": 1, "b": 2}, {"a": 3, "b": 4.0}], inputs).dicts() == expected
    by_column = [Tensor("a", "FP64", (2,), [1.0, 3.0]), Tensor("b", "INT64", (2,), [2, 4])]
    assert table_of_tensors(by_column, inputs).dicts() == expected
    matrix = [Tensor("m", "FP64", (2, 2), [1.0, 2.0, 3.0, 4.0])]
    assert table_of_tensors(matrix, inputs).dicts() == expected


def test_answers_become_rows_and_tensors():
    columns = outputs.output_columns([{"p": 0.5, "who": "a"}, {"p": None, "who": "b"}], 2)
    declared = infer_outputs(columns)
    assert [(c.name, c.datatype, c.nullable) for c in declared] == [("p", "FP64", True), ("who", "BYTES", False)]
    tensors_out = tensors_of_columns(columns, declared, InferRequest([]))
    assert [t.data for t in tensors_out] == [[0.5, None], ["a", "b"]]
