"""The Open Inference Protocol codec: every data type there and back, as JSON and as raw bytes, and what breaks it."""

from __future__ import annotations

import gzip
import json
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from modelyard_worker.arrays import NUMPY_TYPES
from modelyard_worker.oip import (
    BodyTooLarge,
    InferRequest,
    InferResponse,
    OipError,
    RequestedOutput,
    Tensor,
    decode_bytes_elements,
    decode_infer_request,
    decode_infer_response,
    encode_bytes_elements,
    encode_infer_request,
    encode_infer_response,
    inflate,
)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SHAPES = npst.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)


@st.composite
def tensors(draw, name="x"):
    datatype = draw(st.sampled_from([*NUMPY_TYPES, "BYTES"]))
    shape = draw(SHAPES)
    if datatype == "BYTES":
        data = np.empty(int(np.prod(shape)), dtype=object)
        data[:] = [text.encode() for text in draw(st.lists(st.text(), min_size=data.size, max_size=data.size))]
        return Tensor(name, datatype, shape, data.reshape(shape))
    dtype = np.dtype(NUMPY_TYPES[datatype][0])
    elements = npst.from_dtype(dtype, allow_infinity=False) if dtype.kind == "f" else None
    return Tensor(name, datatype, shape, draw(npst.arrays(dtype, shape, elements=elements)))


def same(left: Tensor, right: Tensor) -> bool:
    if (left.name, left.datatype, left.shape) != (right.name, right.datatype, right.shape):
        return False
    equal_nan = left.datatype.startswith("FP")
    return np.array_equal(np.asarray(left.data), np.asarray(right.data), equal_nan=equal_nan)


@unhurried
@given(tensors("a"), tensors("b"), st.sets(st.sampled_from(["a", "b"])))
def test_request_round_trip_keeps_every_tensor(a, b, binary):
    request = InferRequest([a, b], [RequestedOutput("y", True), RequestedOutput("z")], "id-1", {"k": 1})
    body, header_length = encode_infer_request(request, binary)
    assert (header_length is None) == (not binary)
    again = decode_infer_request(body, header_length)
    assert same(a, again.inputs[0])
    assert same(b, again.inputs[1])
    assert (again.id, again.parameters, again.outputs) == (request.id, request.parameters, request.outputs)


@unhurried
@given(tensors(), st.booleans())
def test_response_round_trip_keeps_the_tensor(tensor, binary):
    body, length = encode_infer_response(InferResponse("m", "1.0.0", [tensor], "i"), ["x"] if binary else [])
    again = decode_infer_response(body, length)
    assert (again.model_name, again.model_version, again.id) == ("m", "1.0.0", "i")
    assert same(tensor, again.outputs[0])


@unhurried
@given(st.lists(st.binary()))
def test_bytes_elements_round_trip(elements):
    assert decode_bytes_elements(encode_bytes_elements(elements)) == elements


@unhurried
@given(st.binary(max_size=300), st.one_of(st.none(), st.integers(-5, 400)))
def test_any_bytes_are_read_or_refused(body, header_length):
    with pytest.raises(OipError):
        decode_infer_request(body, header_length)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
odd_tensors = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("x") | json_values,
        "datatype": st.sampled_from([*NUMPY_TYPES, "BYTES", "BF16"]) | json_values,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | json_values,
        "data": json_values,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": json_values}) | json_values,
    },
)


@unhurried
@given(st.lists(odd_tensors, max_size=2), json_values, st.binary(max_size=16))
def test_odd_messages_are_read_or_refused(inputs, outputs, raw):
    text = json.dumps({"inputs": inputs, "outputs": outputs}).encode()
    try:
        request = decode_infer_request(text + raw, len(text))
    except OipError:
        return
    for tensor in request.inputs:
        assert np.asarray(tensor.data).shape == tensor.shape


def request_with(**tensor):
    return json.dumps({"inputs": [{"name": "x", "shape": [2], "datatype": "FP64", "data": [1, 2], **tensor}]}).encode()


@pytest.mark.parametrize(
    ("tensor", "error"),
    [
        ({"data": [1, "2"]}, "inputs[0].data[1]: got string '2', expected FP64"),
        ({"data": [1]}, "inputs[0].data: got 1 elements, expected 2 for shape [2]"),
        ({"data": [1, True]}, "inputs[0].data[1]: got a boolean, expected FP64"),
        ({"data": "no"}, "inputs[0].data: got a string, expected a list"),
        ({"datatype": "INT8", "data": [1, 128]}, "inputs[0].data[1]: got 128, expected INT8 (-128 to 127)"),
        ({"datatype": "INT64", "data": [1, 1.5]}, "inputs[0].data[1]: got 1.5, expected INT64"),
        ({"datatype": "UINT8", "data": [1, -1]}, "inputs[0].data[1]: got -1, expected UINT8 (0 to 255)"),
        ({"datatype": "BYTES", "data": ["a", 1]}, "inputs[0].data[1]: got a number, expected BYTES"),
        ({"datatype": "BF16"}, "inputs[0]: BF16 has no JSON form. Send it as binary data"),
        ({"datatype": "FLOAT"}, "inputs[0].datatype: got 'FLOAT', expected one of BOOL"),
        ({"shape": [-1, 2]}, "inputs[0].shape: got [-1, 2], expected a list of sizes such as [1, 30]"),
        ({"name": 3}, "inputs[0].name: got a number, expected a string"),
        ({"parameters": {"binary_data_size": 9}}, "inputs[0]: got binary_data_size 9, but 0 bytes"),
    ],
)
def test_wrong_tensor_is_named_with_place_and_remedy(tensor, error):
    with pytest.raises(OipError) as caught:
        decode_infer_request(request_with(**tensor))
    assert str(caught.value).startswith(error)


def test_nested_data_is_flattened_in_row_major_order():
    request = decode_infer_request(request_with(shape=[2, 2], data=[[1, 2], [3, 4]]))
    assert request.inputs[0].data.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_null_is_nan_in_floating_point_only():
    assert np.isnan(decode_infer_request(request_with(data=[1, None])).inputs[0].data[1])
    with pytest.raises(OipError, match="got null, expected INT64"):
        decode_infer_request(request_with(datatype="INT64", data=[1, None]))


def test_nan_leaves_as_null():
    body, _ = encode_infer_response(InferResponse("m", "1", [Tensor("x", "FP64", (2,), np.array([1.0, np.nan]))]))
    assert json.loads(body)["outputs"][0]["data"] == [1.0, None]


def test_bf16_is_widened_to_floats():
    raw = (np.array([1.0, -2.5], "<f4").view("<u4") >> 16).astype("<u2").tobytes()
    text = request_with(datatype="BF16", parameters={"binary_data_size": 4})
    tensor = decode_infer_request(text + raw, len(text)).inputs[0]
    assert (tensor.datatype, tensor.data.tolist()) == ("FP32", [1.0, -2.5])


def test_aligned_writable_body_is_not_copied():
    text = request_with(parameters={"binary_data_size": 16})
    text += b" " * (-len(text) % 16)
    body = bytearray(text + np.array([1.0, 2.0]).tobytes())
    data = decode_infer_request(body, len(text)).inputs[0].data
    assert np.shares_memory(data, np.frombuffer(body, "u1"))


def test_unaligned_body_gives_aligned_data():
    text = request_with(parameters={"binary_data_size": 16})
    text += b" " * (1 - len(text) % 8)
    data = decode_infer_request(text + np.array([1.0, 2.0]).tobytes(), len(text)).inputs[0].data
    assert data.tolist() == [1.0, 2.0]
    assert data.flags.aligned
    assert data.flags.writeable


def test_bytes_after_the_last_tensor_are_refused():
    with pytest.raises(OipError, match="3 bytes follow"):
        decode_infer_request(request_with() + b"xyz", len(request_with()))


def test_requested_outputs_say_what_is_binary():
    request = InferRequest([], [RequestedOutput("a", False), RequestedOutput("b")], "", {"binary_data_output": True})
    assert [request.is_binary(name) for name in "abc"] == [False, True, True]


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body, wbits=-15)),
        ("identity", bytes),
    ],
)
def test_inflate_undoes_the_encoding(encoding, compress):
    assert bytes(inflate(compress(b"hello" * 100), encoding, 1000)) == b"hello" * 100


def test_inflate_stops_a_bomb_and_refuses_what_it_cannot_read():
    with pytest.raises(BodyTooLarge):
        inflate(gzip.compress(b"\0" * 10_000_000), "gzip", 1_000_000)
    with pytest.raises(OipError, match="expected gzip or deflate"):
        inflate(b"x", "br", 10)
    with pytest.raises(OipError, match="is not gzip"):
        inflate(b"hello", "gzip", 10)
    with pytest.raises(OipError, match="cut short"):
        inflate(gzip.compress(b"hello")[:-6], "gzip", 10)


def test_deep_nesting_is_refused():
    with pytest.raises(OipError):
        decode_infer_request(b'{"inputs":' + b"[" * 100_000)
    with pytest.raises(OipError, match="nested deeper"):
        decode_infer_request(request_with(data=json.loads("[" * 50 + "]" * 50)))
