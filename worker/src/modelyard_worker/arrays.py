"""numpy and pandas where the model's environment has them. Everything here works without, only slower."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any


@cache
def find_numpy() -> Any:
    """The numpy module, or None."""
    return _find("numpy")


@cache
def find_pandas() -> Any:
    """The pandas module, or None."""
    return _find("pandas")


def _find(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


# Open Inference Protocol data types: numpy name, bytes per element, struct letter. BYTES has no fixed size; BF16 is
# no numpy type and travels as raw 16-bit halves of FP32.
NUMPY_TYPES = {
    "BOOL": ("bool", 1, "?"),
    "UINT8": ("uint8", 1, "B"),
    "UINT16": ("uint16", 2, "H"),
    "UINT32": ("uint32", 4, "I"),
    "UINT64": ("uint64", 8, "Q"),
    "INT8": ("int8", 1, "b"),
    "INT16": ("int16", 2, "h"),
    "INT32": ("int32", 4, "i"),
    "INT64": ("int64", 8, "q"),
    "FP16": ("float16", 2, "e"),
    "FP32": ("float32", 4, "f"),
    "FP64": ("float64", 8, "d"),
}
DATATYPES = (*NUMPY_TYPES, "BF16", "BYTES")
FLOATS = frozenset({"FP16", "BF16", "FP32", "FP64"})
INTEGER_RANGES = {
    name: (0, 2**bits - 1) if name.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for bits in (8, 16, 32, 64)
    for name in (f"UINT{bits}", f"INT{bits}")
}
_BY_NUMPY_NAME = {numpy_name: name for name, (numpy_name, _, _) in NUMPY_TYPES.items()}


def is_missing(value: Any) -> bool:
    """Whether the value stands for nothing: None, NaN, NaT or pandas.NA, each unequal to itself or to anything."""
    if value is None:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124 - that is what makes NaN what it is
    except (TypeError, ValueError):
        return not hasattr(value, "shape")  # pandas.NA has no truth; an array has many


def datatype_of(numpy_name: str) -> str:
    """`FP64` for `float64`; BYTES for what has no numeric type (objects, text, dates)."""
    return _BY_NUMPY_NAME.get(numpy_name, "BYTES")
