"""The Open Inference Protocol's REST bodies, version 2, with the binary tensor data extension.

Sources: kserve/open-inference-protocol `specification/protocol/inference_rest.md`, and Triton's
`protocol/extension_binary_data.md`. A codec only: no models, no sockets. `modelyard.contracts.inference` imports it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard_worker.arrays import DATATYPES
from modelyard_worker.jsontext import dumps, loads
from modelyard_worker.tensors import (
    RANK_MAX,
    Body,
    OipError,
    Tensor,
    data_from_json,
    data_from_raw,
    decode_bytes_elements,
    encode_bytes_elements,
    json_data,
    kind_of,
    raw_data,
)

__all__ = [
    "HEADER_LENGTH", "BodyTooLarge", "InferRequest", "InferResponse", "OipError", "RequestedOutput", "Tensor",
    "decode_bytes_elements", "decode_infer_request", "decode_infer_response", "encode_bytes_elements",
    "encode_infer_request", "encode_infer_response", "inflate", "json_data", "raw_data",
]  # fmt: skip

HEADER_LENGTH = "inference-header-content-length"


class BodyTooLarge(OipError):
    """A compressed body grows past the limit."""


@dataclass
class RequestedOutput:
    """`binary` is None where the request leaves it to its `binary_data_output` parameter."""

    name: str
    binary: bool | None = None


@dataclass
class InferRequest:
    inputs: list[Tensor]
    outputs: list[RequestedOutput] = field(default_factory=list)
    id: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)

    def is_binary(self, output_name: str) -> bool:
        """Whether the caller wants this output as raw bytes after the JSON."""
        for output in self.outputs:
            if output.name == output_name and output.binary is not None:
                return output.binary
        return self.parameters.get("binary_data_output") is True


@dataclass
class InferResponse:
    model_name: str
    model_version: str
    outputs: list[Tensor]
    id: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


def inflate(body: Body, encoding: str, size_bytes_max: int) -> Body:
    """Undoes Content-Encoding gzip or deflate (zlib or raw). Raises OipError; BodyTooLarge past the limit."""
    coding = encoding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise OipError(f"got Content-Encoding {encoding!r}, expected gzip or deflate")
    raw = coding == "deflate" and (len(body) < 2 or body[0] & 0x0F != 8 or (body[0] * 256 + body[1]) % 31 != 0)
    inflater = zlib.decompressobj(-15 if raw else 47)
    try:
        content = inflater.decompress(bytes(body), size_bytes_max + 1)
    except zlib.error as cause:
        raise OipError(f"the body is not {coding}: {cause}") from cause
    if len(content) > size_bytes_max:
        raise BodyTooLarge(f"the body inflates to more than {size_bytes_max} bytes")
    if not inflater.eof:
        raise OipError(f"the {coding} body is cut short")
    return content


def decode_infer_request(body: Body, header_length: int | None = None) -> InferRequest:
    """Reads a request; `header_length` is `Inference-Header-Content-Length`, absent when all of it is JSON.

    Raises OipError.
    """
    message, binary = _split(body, header_length)
    inputs = message.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise OipError('got no "inputs", expected {"inputs": [{"name", "shape", "datatype", "data"}]}')
    outputs = message.get("outputs", [])
    if not isinstance(outputs, list):
        raise OipError(f"outputs: got {kind_of(outputs)}, expected a list")
    return InferRequest(
        inputs=_tensors(inputs, binary, "inputs"),
        outputs=[_requested(output, f"outputs[{index}]") for index, output in enumerate(outputs)],
        id=_text(message.get("id", ""), "id"),
        parameters=_mapping(message.get("parameters"), "parameters"),
    )


def decode_infer_response(body: Body, header_length: int | None = None) -> InferResponse:
    """Reads an answer; the other half of `encode_infer_response`. Raises OipError."""
    message, binary = _split(body, header_length)
    outputs = message.get("outputs")
    if not isinstance(outputs, list):
        raise OipError(f"outputs: got {kind_of(outputs)}, expected a list")
    return InferResponse(
        model_name=_text(message.get("model_name", ""), "model_name"),
        model_version=_text(message.get("model_version", ""), "model_version"),
        outputs=_tensors(outputs, binary, "outputs"),
        id=_text(message.get("id", ""), "id"),
        parameters=_mapping(message.get("parameters"), "parameters"),
    )


def encode_infer_request(request: InferRequest, binary: Iterable[str] = ()) -> tuple[bytes, int | None]:
    """The body, and its header length where any input named in `binary` follows the JSON as raw bytes."""
    message: dict[str, Any] = {"id": request.id} if request.id else {}
    if request.parameters:
        message["parameters"] = request.parameters
    if request.outputs:
        message["outputs"] = [
            {"name": o.name} if o.binary is None else {"name": o.name, "parameters": {"binary_data": o.binary}}
            for o in request.outputs
        ]
    return _join(message, "inputs", request.inputs, frozenset(binary))


def encode_infer_response(response: InferResponse, binary: Iterable[str] = ()) -> tuple[bytes, int | None]:
    """The body, and its header length where any output named in `binary` follows the JSON as raw bytes."""
    message: dict[str, Any] = {"model_name": response.model_name, "model_version": response.model_version}
    if response.id:
        message["id"] = response.id
    if response.parameters:
        message["parameters"] = response.parameters
    return _join(message, "outputs", response.outputs, frozenset(binary))


def _split(body: Body, header_length: int | None) -> tuple[dict[str, Any], memoryview]:
    view = memoryview(body)
    if header_length is None:
        text, binary = view, view[:0]
    elif 0 <= header_length <= len(view):
        text, binary = view[:header_length], view[header_length:]
    else:
        raise OipError(f"got Inference-Header-Content-Length {header_length}, but the body has {len(view)} bytes")
    try:
        message = loads(text)
    except ValueError as cause:
        raise OipError(f"the body is not JSON: {cause}") from cause
    if not isinstance(message, dict):
        raise OipError(f"got {kind_of(message)}, expected a JSON object")
    return message, binary


def _tensors(items: Sequence[Any], binary: memoryview, what: str) -> list[Tensor]:
    tensors: list[Tensor] = []
    for index, item in enumerate(items):
        tensor, binary = _tensor(item, binary, f"{what}[{index}]")
        tensors.append(tensor)
    if len(binary):
        raise OipError(f"{len(binary)} bytes follow the last binary tensor; each needs parameters.binary_data_size")
    return tensors


def _tensor(item: Any, binary: memoryview, place: str) -> tuple[Tensor, memoryview]:
    if not isinstance(item, dict):
        raise OipError(f"{place}: got {kind_of(item)}, expected an object")
    name = _text(item.get("name"), f"{place}.name")
    datatype = item.get("datatype")
    if datatype not in DATATYPES:
        raise OipError(f"{place}.datatype: got {datatype!r}, expected one of {', '.join(DATATYPES)}")
    shape = item.get("shape")
    if not isinstance(shape, list) or len(shape) > RANK_MAX or not all(type(n) is int and n >= 0 for n in shape):
        raise OipError(f"{place}.shape: got {shape!r:.100}, expected a list of sizes such as [1, 30]")
    parameters = _mapping(item.get("parameters"), f"{place}.parameters")
    size = parameters.pop("binary_data_size", None)
    if size is None:
        if "data" not in item:
            raise OipError(f"{place}: got neither data nor parameters.binary_data_size")
        data = data_from_json(item["data"], datatype, tuple(shape), place)
    else:
        if type(size) is not int or not 0 <= size <= len(binary):
            raise OipError(f"{place}: got binary_data_size {size!r}, but {len(binary)} bytes of binary data are left")
        data = data_from_raw(binary[:size], datatype, tuple(shape), place)
        binary = binary[size:]
    return Tensor(name, "FP32" if datatype == "BF16" else datatype, tuple(shape), data, parameters), binary


def _join(
    message: dict[str, Any], what: str, tensors: Sequence[Tensor], binary: frozenset[str]
) -> tuple[bytes, int | None]:
    chunks: list[bytes] = []
    described: list[dict[str, Any]] = []
    for tensor in tensors:
        entry: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        parameters = dict(tensor.parameters)
        if tensor.name in binary:
            raw = raw_data(tensor)
            chunks.append(raw)
            parameters["binary_data_size"] = len(raw)
        else:
            entry["data"] = json_data(tensor)
        if parameters:
            entry["parameters"] = parameters
        described.append(entry)
    text = dumps({**message, what: described})
    return (b"".join((text, *chunks)), len(text)) if binary else (text, None)


def _requested(output: Any, place: str) -> RequestedOutput:
    if not isinstance(output, dict):
        raise OipError(f"{place}: got {kind_of(output)}, expected an object with a name")
    binary = _mapping(output.get("parameters"), f"{place}.parameters").get("binary_data")
    return RequestedOutput(_text(output.get("name"), f"{place}.name"), binary if isinstance(binary, bool) else None)


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise OipError(f"{place}: got {kind_of(value)}, expected a string")
    return value


def _mapping(value: Any, place: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise OipError(f"{place}: got {kind_of(value)}, expected an object")
    return dict(value)
