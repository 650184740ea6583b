"""Tables as people have them (DataFrame, array, dicts) to rows as the API has them, and back.

pandas and numpy are used where the caller has them; nothing here imports them first.
"""

from __future__ import annotations

import datetime
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.sdk.errors import ModelyardError


def to_rows(table: Any, *, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Rows keyed by column name, JSON-ready, from a DataFrame, Series, 2-d array, dict or list of dicts.

    Columns of an array are called by `names`, or x0, x1, … as scikit-learn does. Missing values become None. Raises
    ModelyardError for anything else.
    """
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(table, pandas.Series):
        table = table.to_frame().T
    if pandas is not None and isinstance(table, pandas.DataFrame):
        columns = [str(column) for column in table.columns]
        return [dict(zip(columns, map(_plain, row), strict=True)) for row in table.itertuples(index=False, name=None)]
    if isinstance(table, Mapping):
        return [{str(key): _plain(value) for key, value in table.items()}]
    if hasattr(table, "ndim") and hasattr(table, "tolist"):
        table = table.tolist() if table.ndim == 2 else [table.tolist()]
    if isinstance(table, (list, tuple)) and table and all(isinstance(row, Mapping) for row in table):
        return [{str(key): _plain(value) for key, value in row.items()} for row in table]
    if isinstance(table, (list, tuple)) and table and all(isinstance(row, (list, tuple)) for row in table):
        found = list(names) or [f"x{index}" for index in range(len(table[0]))]
        return [dict(zip(found, map(_plain, row), strict=True)) for row in table]
    raise ModelyardError(
        f"got {type(table).__name__}, expected a DataFrame, a 2-d array, a dict or a non-empty list of dicts.",
        code="client.not_a_table",
    )


def from_rows(rows: list[dict[str, Any]]) -> Any:
    """A DataFrame where pandas is installed, else the rows themselves."""
    try:
        import pandas
    except ImportError:
        return rows
    return pandas.DataFrame(rows)


def _plain(value: Any) -> Any:
    """A JSON value: numpy scalars and arrays unpacked, times as ISO 8601, NaN and NaT as None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (datetime.date, datetime.datetime)):
        return None if str(value) == "NaT" else value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return None if str(value) in ("<NA>", "NaT") else str(value)
