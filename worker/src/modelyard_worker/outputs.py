"""What a model answered, as named columns; and those columns as rows of JSON."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from modelyard_worker.arrays import find_numpy, is_missing
from modelyard_worker.schema import Column

DEFAULT_OUTPUT = "prediction"


class UnusableAnswer(Exception):
    """The model's `predict` returned something that is no table with a row for each input row."""


def output_columns(answer: Any, row_count: int, declared: Sequence[Column] = ()) -> dict[str, Any]:
    """Columns by name, each with `row_count` entries: numpy arrays where the model gave arrays, else lists.

    Takes a DataFrame, a Series, a dict of arrays, a 1-d or 2-d array, a list of dicts or a list of scalars. An answer
    without names takes those of `declared` where their number fits, else "prediction". Raises UnusableAnswer.
    """
    columns = _named(answer, row_count, [column.name for column in declared])
    for name, values in columns.items():
        if len(values) != row_count:
            raise UnusableAnswer(f'predict answered {len(values)} values of "{name}" for {row_count} rows')
    if not columns:
        raise UnusableAnswer("predict answered no columns")
    return columns


def _named(answer: Any, row_count: int, names: list[str]) -> dict[str, Any]:
    if hasattr(answer, "columns") and hasattr(answer, "dtypes"):
        return {str(name): _of_series(answer[name]) for name in answer.columns}
    if isinstance(answer, Mapping):
        return {str(name): _sequence(values, row_count) for name, values in answer.items()}
    if hasattr(answer, "dtype") and hasattr(answer, "index") and hasattr(answer, "name"):
        return {str(answer.name or _single(names)): _of_series(answer)}
    if hasattr(answer, "detach"):  # a torch tensor
        answer = answer.detach().cpu().numpy()
    if hasattr(answer, "toarray"):  # a sparse matrix
        answer = answer.toarray()
    if hasattr(answer, "shape") and hasattr(answer, "dtype"):
        return _of_array(answer, row_count, names)
    if isinstance(answer, (list, tuple)):
        if answer and all(isinstance(row, Mapping) for row in answer):
            return _of_dicts(answer)
        return {_single(names): list(answer)}
    if row_count == 1 and isinstance(answer, (bool, int, float, str)):
        return {_single(names): [answer]}
    raise UnusableAnswer(
        f"predict answered {type(answer).__name__}, expected a DataFrame, a dict of arrays, an array, a list of dicts "
        "or a list with one value for each row"
    )


def _single(names: list[str]) -> str:
    return names[0] if len(names) == 1 else DEFAULT_OUTPUT


def _of_series(series: Any) -> Any:
    plain = isinstance(series.dtype, find_numpy().dtype)
    if plain and series.dtype.kind in "biufM":
        return series.to_numpy()
    # Extension types (text, categories, nullable numbers) become plain values with None for what is missing.
    return [None if missing else value for value, missing in zip(series.tolist(), series.isna(), strict=False)]


def _sequence(values: Any, row_count: int) -> Any:
    if hasattr(values, "isna") and hasattr(values, "to_numpy"):
        return _of_series(values)
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    if hasattr(values, "shape"):
        return values.reshape(1) if values.shape == () and row_count == 1 else values
    if isinstance(values, (list, tuple)):
        return list(values)
    if row_count == 1:
        return [values]
    raise UnusableAnswer(f"predict answered one {type(values).__name__} for {row_count} rows, expected one for each")


def _of_array(array: Any, row_count: int, names: list[str]) -> dict[str, Any]:
    if array.ndim == 0 and row_count == 1:
        array = array.reshape(1)
    if array.ndim == 2 and array.shape[1] == 1 and len(names) <= 1:
        array = array[:, 0]
    if array.ndim == 2 and len(names) == array.shape[1] > 1:
        return {name: array[:, index] for index, name in enumerate(names)}
    return {_single(names): array}


def _of_dicts(rows: Sequence[Mapping[Any, Any]]) -> dict[str, Any]:
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    by_name = [{str(name): value for name, value in row.items()} for row in rows]
    return {name: [row.get(name) for row in by_name] for name in names}


def json_rows(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A dict for each row, of values that JSON has: None for missing, ISO 8601 for dates, plain numbers and text.

    NaN may remain; `jsontext.dumps` writes it as null.
    """
    lists = [json_values(values) for values in columns.values()]
    return [dict(zip(columns, row, strict=False)) for row in zip(*lists, strict=False)]


def json_values(values: Any) -> list[Any]:
    """One column's values as JSON has them."""
    kind = values.dtype.kind if hasattr(values, "dtype") else "O"
    if kind in "biufU":
        listed: list[Any] = values.tolist()
        return listed
    if kind == "M":
        return [_iso_of_numpy(text) for text in find_numpy().datetime_as_string(values).ravel().tolist()]
    return [_json_value(value) for value in values]


def _iso_of_numpy(text: str) -> str | None:
    if text == "NaT":
        return None
    day, _, clock = text.partition("T")
    clock = clock.rstrip("0").rstrip(".") if "." in clock else clock
    return day if clock in ("", "00:00:00") else f"{day}T{clock}"


def _json_value(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, (dt.datetime, dt.date)):
        text = None if is_missing(value) else value.isoformat()
        return text[:10] if text and text.endswith("T00:00:00") else text
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return _json_value(value.tolist()) if getattr(value, "shape", ()) == () else json_values(value)
    if isinstance(value, Mapping):
        return {str(name): _json_value(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    return None if is_missing(value) else str(value)
