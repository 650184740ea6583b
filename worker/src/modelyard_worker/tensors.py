"""Tensors of the Open Inference Protocol: their data as JSON lists, as raw bytes, and as numpy arrays.

With numpy, data is an ndarray over the request's own bytes; without, it is a flat list. Elements of BYTES tensors are
`bytes`. BF16 has no JSON form, and is widened to 32-bit floats when it is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeAlias

from modelyard_worker.arrays import FLOATS, INTEGER_RANGES, NUMPY_TYPES, find_numpy

RANK_MAX = 32


class OipError(ValueError):
    """The message breaks the protocol: what was got, and what was expected."""


@dataclass
class Tensor:
    """`data` has `prod(shape)` elements in row-major order: an ndarray of that shape with numpy, else a flat list."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Any
    parameters: dict[str, Any] = field(default_factory=dict)


Body: TypeAlias = bytes | bytearray | memoryview


def encode_bytes_elements(elements: Iterable[bytes]) -> bytes:
    """BYTES elements as they travel raw: each after its length, 4 bytes little-endian."""
    listed = list(elements)
    packed = {element: struct.pack("<I", len(element)) + element for element in set(listed)}  # labels repeat
    return b"".join([packed[element] for element in listed])


def decode_bytes_elements(raw: Body) -> list[bytes]:
    """The inverse of `encode_bytes_elements`. Raises OipError when a length runs past the end."""
    view = memoryview(raw)
    elements: list[bytes] = []
    offset = 0
    while offset < len(view):
        if offset + 4 > len(view):
            raise OipError("BYTES data ends inside an element's length")
        (length,) = struct.unpack_from("<I", view, offset)
        offset += 4
        if offset + length > len(view):
            raise OipError("BYTES data ends inside an element")
        elements.append(bytes(view[offset : offset + length]))
        offset += length
    return elements


def data_from_raw(raw: memoryview, datatype: str, shape: tuple[int, ...], place: str) -> Any:
    """Data of the binary extension; `place` leads the text of an OipError."""
    np = find_numpy()
    count = prod(shape)
    if datatype == "BYTES":
        elements = decode_bytes_elements(raw)
        return _objects(elements, shape, place)
    size = 2 if datatype == "BF16" else NUMPY_TYPES[datatype][1]
    if len(raw) != count * size:
        raise OipError(f"{place}: got {len(raw)} bytes for shape {list(shape)} of {datatype}, expected {count * size}")
    if np is None:
        if datatype == "BF16":
            halves = struct.unpack(f"<{count}H", raw)
            return list(struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *(half << 16 for half in halves))))
        return list(struct.unpack(f"<{count}{NUMPY_TYPES[datatype][2]}", raw))
    if datatype == "BF16":
        return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)
    if datatype == "BOOL":
        return (np.frombuffer(raw, "u1") != 0).reshape(shape)
    array = np.frombuffer(raw, np.dtype(NUMPY_TYPES[datatype][0]).newbyteorder("<")).reshape(shape)
    # Compiled models demand aligned, writable memory; where the JSON's length spoils that, one copy mends it.
    return array if array.flags.aligned and array.flags.writeable else array.copy()


def data_from_json(data: Any, datatype: str, shape: tuple[int, ...], place: str) -> Any:
    """Flat or nested JSON data, type by type; null is NaN in floating point."""
    if datatype == "BF16":
        raise OipError(f"{place}: BF16 has no JSON form. Send it as binary data")
    if not isinstance(data, list):
        raise OipError(f"{place}.data: got {kind_of(data)}, expected a list")
    np = find_numpy()
    if np is not None and datatype in FLOATS | INTEGER_RANGES.keys():
        array = _fast_array(np, data, datatype)
        if array is not None and array.size == prod(shape):
            return array.reshape(shape)
    flat = _flatten(data, [], 0, place)
    if len(flat) != prod(shape):
        raise OipError(f"{place}.data: got {len(flat)} elements, expected {prod(shape)} for shape {list(shape)}")
    values = [_element(value, datatype, f"{place}.data[{index}]") for index, value in enumerate(flat)]
    if datatype == "BYTES":
        return _objects(values, shape, place)
    return values if np is None else np.array(values, dtype=NUMPY_TYPES[datatype][0]).reshape(shape)


def _fast_array(np: Any, data: list[Any], datatype: str) -> Any:
    """The array where every element plainly is a number of that type; None where a closer look is due."""
    try:
        array = np.asarray(data)
    except (ValueError, OverflowError):
        return None
    if datatype in FLOATS:
        return array.astype(NUMPY_TYPES[datatype][0], copy=False) if array.dtype.kind == "f" else None
    if array.dtype.kind != "i" or not array.size:
        return None
    low, high = INTEGER_RANGES[datatype]
    within = array.min() >= low and array.max() <= high
    return array.astype(NUMPY_TYPES[datatype][0], copy=False) if within else None


def _flatten(data: list[Any], into: list[Any], depth: int, place: str) -> list[Any]:
    if depth > RANK_MAX:
        raise OipError(f"{place}.data: nested deeper than {RANK_MAX} lists")
    for item in data:
        if isinstance(item, list):
            _flatten(item, into, depth + 1, place)
        else:
            into.append(item)
    return into


def _element(value: Any, datatype: str, place: str) -> Any:
    kind = type(value)
    if datatype == "BYTES":
        if kind is str:
            return value.encode("utf-8", "surrogatepass")
    elif datatype == "BOOL":
        if kind is bool or value in (0, 1):
            return bool(value)
    elif datatype in FLOATS:
        if value is None:
            return float("nan")
        if kind in (int, float):
            try:
                return float(value)
            except OverflowError:
                raise OipError(f"{place}: got an integer beyond {datatype}") from None
    elif kind is int or (kind is float and value.is_integer()):
        low, high = INTEGER_RANGES[datatype]
        if low <= value <= high:
            return int(value)
        raise OipError(f"{place}: got {value}, expected {datatype} ({low} to {high})")
    shown = f"string {value!r:.60}" if kind is str else kind_of(value) if kind is not float else repr(value)
    raise OipError(f"{place}: got {shown}, expected {datatype}")


def _objects(elements: list[bytes], shape: tuple[int, ...], place: str) -> Any:
    if len(elements) != prod(shape):
        raise OipError(f"{place}: got {len(elements)} elements, expected {prod(shape)} for shape {list(shape)}")
    np = find_numpy()
    if np is None:
        return elements
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    return array.reshape(shape)


def raw_data(tensor: Tensor) -> bytes:
    """A tensor's data as it travels in the binary extension: little-endian, row-major."""
    data = tensor.data
    if tensor.datatype == "BYTES":
        flat = data.ravel().tolist() if hasattr(data, "ravel") else data
        return encode_bytes_elements(map(_as_bytes, flat))
    if hasattr(data, "tobytes"):
        np = find_numpy()
        return bytes(np.ascontiguousarray(data, np.dtype(NUMPY_TYPES[tensor.datatype][0]).newbyteorder("<")).tobytes())
    return struct.pack(f"<{len(data)}{NUMPY_TYPES[tensor.datatype][2]}", *data)


def json_data(tensor: Tensor) -> list[Any]:
    """A tensor's data as a flat JSON list. Raises OipError for BYTES that are no UTF-8."""
    data = tensor.data
    flat: list[Any] = data.ravel().tolist() if hasattr(data, "ravel") else list(data)
    if tensor.datatype != "BYTES":
        return flat
    try:
        return [element if isinstance(element, str) else element.decode() for element in flat]
    except UnicodeDecodeError:
        raise OipError(f'output "{tensor.name}" is no UTF-8. Ask for it as binary data') from None


def _as_bytes(element: Any) -> bytes:
    return element if isinstance(element, bytes) else str(element).encode("utf-8", "surrogatepass")


def kind_of(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "a string"}
    return names.get(type(value)) or ("a list" if isinstance(value, list) else "an object")
