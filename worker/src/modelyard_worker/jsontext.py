"""JSON as fast as the environment allows: orjson where the model's environment has it, else the standard library."""

from __future__ import annotations

import json
import math
from typing import Any

try:
    import orjson as _orjson
except ImportError:
    _orjson = None  # type: ignore[assignment, unused-ignore]

_decode = json.JSONDecoder().decode
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def loads(text: bytes | bytearray | memoryview) -> Any:
    """The JSON value of UTF-8 text. `NaN` is let through as a float, so that its place can be named to the caller.

    Raises ValueError on anything else that is no JSON, nested too deep included.
    """
    if _orjson is not None:
        try:
            return _orjson.loads(text)
        except ValueError:
            pass  # the standard decoder reads NaN, and says where the text breaks
    try:
        return _decode(str(text, "utf-8"))
    except RecursionError:
        raise ValueError("nested too deep") from None


def dumps(value: Any) -> bytes:
    """UTF-8 JSON without white space; NaN and infinities become null, since JSON has no word for them."""
    if _orjson is not None:
        try:
            return bytes(_orjson.dumps(value))
        except TypeError:
            pass  # integers beyond 64 bits
    try:
        return _encode(value).encode("utf-8", "surrogatepass")
    except ValueError:
        return _encode(_without_nan(value)).encode("utf-8", "surrogatepass")


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, (list, tuple)) else value
