"""Rows: JSON objects keyed by column name, checked against the schema, with errors that name place, type and remedy."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from modelyard_worker.arrays import FLOATS, INTEGER_RANGES, NUMPY_TYPES, find_numpy
from modelyard_worker.failures import Refused
from modelyard_worker.schema import Column, is_iso_date
from modelyard_worker.tables import Inputs, Table

KEY_CHARACTERS_MAX = 256
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")


def split_body(value: Any, inputs: Inputs) -> tuple[list[Any], list[Any] | None]:
    """Rows and their business keys (None: not given) of a body: `{"rows": [...]}`, a bare list, or one bare object.

    Keys come as a column that the schema names, or beside `rows` as `key`: one value, or one for each row.
    """
    keys: Any = None
    if isinstance(value, dict) and isinstance(value.get("rows"), list) and "rows" not in inputs.by_name:
        unknown = [name for name in value if name not in ("rows", "key")]
        if unknown:
            raise Refused(400, f'got "{unknown[0]}" beside "rows", expected only "rows" and "key"')
        rows, keys = value["rows"], value.get("key")
    elif isinstance(value, list):
        rows = value
    elif isinstance(value, dict):
        rows = [value]
    else:
        raise Refused(400, f'got {_got(value)}, expected {{"rows": [{{...}}]}}, a list of objects, or one object')
    if not rows:
        raise Refused(400, "rows: got an empty list, expected at least one object")
    if keys is not None:
        keys = keys if isinstance(keys, list) else [keys] * len(rows)
        if len(keys) != len(rows):
            raise Refused(400, f"key: got {len(keys)} keys for {len(rows)} rows. Send one for each row")
    elif inputs.key and any(isinstance(row, dict) and inputs.key in row for row in rows):
        keys = [row.get(inputs.key) if isinstance(row, dict) else None for row in rows]
    for index, key in enumerate(keys or ()):
        if key is not None and (isinstance(key, bool) or not isinstance(key, (str, int))):
            raise Refused(400, f"key[{index}]: got {_got(key)}, expected a string or an integer")
        if isinstance(key, str) and len(key) > KEY_CHARACTERS_MAX:
            raise Refused(400, f"key[{index}]: got {len(key)} characters, expected at most {KEY_CHARACTERS_MAX}")
    return rows, keys


def read_rows(rows: Sequence[Any], inputs: Inputs) -> Table:
    """Checks and types the rows. Raises Refused (400) that names the first value which does not fit."""
    return _read_uniform(rows, inputs) or _read_columns(rows, inputs)


def _read_uniform(rows: Sequence[Any], inputs: Inputs) -> Table | None:
    """The common case at the least cost: one numeric type, every column there, nothing null. None: look closer."""
    np = find_numpy()
    if np is None or inputs.uniform not in ("FP64", "FP32", "INT64"):
        return None
    floats = inputs.uniform != "INT64"
    width = len(inputs.names)
    try:
        values = [inputs.values_of_row(row) for row in rows]
        if not set(map(type, chain.from_iterable(values))) <= ({float, int} if floats else {int}):
            return None
        if any(len(row) != width for row in rows) and not _only_key_besides(rows, inputs):
            return None
        matrix = np.array(values, dtype=NUMPY_TYPES[inputs.uniform][0])
    except (KeyError, TypeError, OverflowError, IndexError):
        return None
    if floats and not np.isfinite(matrix).all():
        return None
    return Table(inputs, len(rows), matrix=matrix)


def _only_key_besides(rows: Sequence[Any], inputs: Inputs) -> bool:
    if not inputs.key or inputs.key in inputs.by_name:
        return False
    return all(len(row) - (inputs.key in row) == len(inputs.names) for row in rows)


def _read_columns(rows: Sequence[Any], inputs: Inputs) -> Table:
    values: dict[str, list[Any]] = {name: [] for name in inputs.names}
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise Refused(400, f"rows[{index}]: got {_got(row)}, expected an object keyed by column name")
        for name in row:
            if name not in inputs.by_name and name != inputs.key:
                raise Refused(400, f"{_place(index, name)}: unknown column.{_did_you_mean(name, row, inputs)}")
        for column in inputs.columns:
            if column.name not in row and not column.nullable:
                raise Refused(400, f"{_place(index, column.name)}: missing, expected {_expected(column)}")
            values[column.name].append(_checked(row.get(column.name), column, index))
    return _table(values, len(rows), inputs)


def _table(values: dict[str, list[Any]], row_count: int, inputs: Inputs) -> Table:
    np = find_numpy()
    if np is not None and inputs.uniform in NUMPY_TYPES:
        columns = [values[name] for name in inputs.names]
        return Table(inputs, row_count, matrix=np.array(columns, dtype=NUMPY_TYPES[inputs.uniform][0]).T.copy())
    return Table(inputs, row_count, values=values)


def _checked(value: Any, column: Column, index: int) -> Any:
    """The value as the model gets it; NaN counts as null."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        if column.nullable:
            return None
        got = "null" if value is None else "NaN"
        raise Refused(400, f"{_place(index, column.name)}: got {got}, expected {_expected(column)}, not null")
    if column.shape:
        return _checked_vector(value, column, column.shape, index)
    return check_scalar(value, column, _place(index, column.name))


def check_scalar(value: Any, column: Column, place: str) -> Any:
    """One value that is not null, as the model gets it. Raises Refused (400) with `place` leading the text."""
    datatype = column.datatype
    if datatype in FLOATS:
        if type(value) in (int, float) and _finite(value):
            return float(value)
    elif datatype in INTEGER_RANGES:
        low, high = INTEGER_RANGES[datatype]
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is int:
            if low <= value <= high:
                return value
            raise Refused(400, f"{place}: got {value}, expected {datatype} ({low} to {high})")
    elif datatype == "BOOL":
        if isinstance(value, bool):
            return value
    elif isinstance(value, str):
        return _checked_text(value, column, place)
    raise Refused(400, f"{place}: got {_got(value)}, expected {_expected(column)}.{_remedy(value, column)}")


def _checked_text(value: str, column: Column, place: str) -> str:
    if column.categories and value not in column.categories:
        close = difflib.get_close_matches(value, column.categories, n=1)
        hint = f" Did you mean {_quoted(close[0])}?" if close else ""
        raise Refused(400, f"{place}: got {_got(value)}, expected one of {_listed(column.categories)}.{hint}")
    if column.kind == "date" and not is_iso_date(value):
        raise Refused(400, f"{place}: got {_got(value)}, expected an ISO 8601 date. Send such as 2019-03-31")
    return value


def _checked_vector(value: Any, column: Column, shape: tuple[int, ...], index: int) -> Any:
    if not shape:
        return check_scalar(value, column, _place(index, column.name))
    if not isinstance(value, list) or (shape[0] >= 0 and len(value) != shape[0]):
        got = f"a list of {len(value)}" if isinstance(value, list) else _got(value)
        raise Refused(400, f"{_place(index, column.name)}: got {got}, expected {_expected(column)}")
    return [_checked_vector(item, column, shape[1:], index) for item in value]


def _place(index: int, name: str) -> str:
    return f"rows[{index}].{_quoted(name)}"


def _quoted(text: str) -> str:
    return json.dumps(text if len(text) <= 80 else text[:79] + "…", ensure_ascii=False)


def _got(value: Any) -> str:
    """A value in words, short enough for an error."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"boolean {str(value).lower()}"
    if isinstance(value, str):
        return f"string {_quoted(value)}"
    if isinstance(value, (int, float)):
        return f"number {value!r}"[:60]
    return f"a list of {len(value)}" if isinstance(value, list) else "an object"


def _expected(column: Column) -> str:
    words = column.datatype
    if column.datatype == "BYTES":
        words = {"date": "an ISO 8601 date", "category": f"one of {_listed(column.categories)}"}.get(
            column.kind, "BYTES (a string)"
        )
    elif column.datatype == "BOOL":
        words = "BOOL (true or false)"
    return f"a list of shape {list(column.shape)} of {words}" if column.shape else words


def _listed(categories: Sequence[str]) -> str:
    shown = ", ".join(_quoted(category) for category in categories[:8])
    return f"{shown} and {len(categories) - 8} more" if len(categories) > 8 else shown


def _remedy(value: Any, column: Column) -> str:
    """` Send 2019.0.`, without its full stop, where the number that was meant can be known; else "" or a kind word."""
    if column.datatype == "BYTES":
        return f" Send {_quoted(json.dumps(value))}" if isinstance(value, (int, float)) else " Send a string"
    if not isinstance(value, str):
        return " Send true or false" if column.datatype == "BOOL" else " Send a number"
    text = value.strip()
    if column.datatype == "BOOL":
        return f" Send {text.lower()}" if text.lower() in ("true", "false") else " Send true or false"
    if _DECIMAL_COMMA.fullmatch(text) and not _THOUSANDS.fullmatch(text):
        text = text.replace(",", ".")
    try:
        number = float(text)
    except ValueError:
        return " Send a number"
    if not math.isfinite(number):
        return " Send a number" + (" or null" if column.nullable else "")
    if column.datatype in FLOATS:
        return f" Send {number!r}"
    return f" Send {int(number)}" if number.is_integer() else " Send an integer"


def _did_you_mean(name: str, row: Mapping[str, Any], inputs: Inputs) -> str:
    absent = [known for known in inputs.names if known not in row]
    close = difflib.get_close_matches(name, absent or inputs.names, n=1)
    return f" Did you mean {_quoted(close[0])}?" if close else f" Expected {_listed(inputs.names)}"


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
