"""Rows on their way into a model: typed once, given as matrix, DataFrame or dicts, with the least copying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from modelyard_worker.arrays import FLOATS, INTEGER_RANGES, NUMPY_TYPES, find_numpy, find_pandas
from modelyard_worker.schema import Column


class Inputs:
    """Input columns prepared for many requests.

    `uniform` is the one numeric data type that all columns share, or "": then a table is a single matrix.
    """

    def __init__(self, columns: Sequence[Column], key: str = "") -> None:
        self.columns = tuple(columns)
        self.names = tuple(column.name for column in columns)
        self.by_name = {column.name: column for column in columns}
        self.key = key
        datatypes = {column.datatype for column in columns}
        numeric = all(not c.shape and (c.datatype in FLOATS or c.datatype in INTEGER_RANGES) for c in columns)
        self.numeric = numeric and bool(columns)
        self.uniform = datatypes.pop() if len(datatypes) == 1 and self.numeric else ""
        nullable_integers = self.uniform in INTEGER_RANGES and any(c.nullable for c in columns)
        if nullable_integers:
            self.uniform = ""
        self.nullable = any(column.nullable for column in columns)
        getter: Any = itemgetter(*self.names) if columns else None
        self.values_of_row = getter if len(self.names) != 1 else (lambda row: (getter(row),))
        self._index: Any = None

    @property
    def frame_index(self) -> Any:
        """The pandas Index of the column names, made once."""
        if self._index is None:
            self._index = find_pandas().Index(list(self.names))
        return self._index


class Table:
    """Checked rows: either `matrix`, a 2-d numpy array, or `values`, a list or array for each column."""

    __slots__ = ("inputs", "matrix", "row_count", "values")

    def __init__(
        self, inputs: Inputs, row_count: int, matrix: Any = None, values: Mapping[str, Any] | None = None
    ) -> None:
        self.inputs = inputs
        self.row_count = row_count
        self.matrix = matrix
        self.values = values

    def array(self) -> Any:
        """A 2-d numpy array: floats, integers where every column has them, objects where one holds text."""
        if self.matrix is not None:
            return self.matrix
        np = find_numpy()
        if np is None:
            return [list(row.values()) for row in self.dicts()]
        assert self.values is not None
        columns = [column_array(np, c, self.values[c.name]) for c in self.inputs.columns]
        if len(columns) == 1 and columns[0].ndim > 1:
            return columns[0]
        return np.column_stack(columns) if columns else np.empty((self.row_count, 0))

    def frame(self) -> Any:
        """A pandas DataFrame with a dtype for each column; dates are datetime64, categories are categorical."""
        pd = find_pandas()
        if self.matrix is not None:
            return pd.DataFrame(self.matrix, columns=self.inputs.frame_index, copy=False)
        assert self.values is not None
        series = {c.name: _series(pd, c, self.values[c.name]) for c in self.inputs.columns}
        return pd.DataFrame(series, columns=self.inputs.frame_index)

    def dicts(self) -> list[dict[str, Any]]:
        """Plain Python values, as they were sent: None for null, ISO text for dates."""
        names = self.inputs.names
        if self.matrix is not None:
            return [dict(zip(names, row, strict=False)) for row in self.matrix.tolist()]
        assert self.values is not None
        lists = [_plain_list(self.values[name]) for name in names]
        return [dict(zip(names, row, strict=False)) for row in zip(*lists, strict=False)]


def column_array(np: Any, column: Column, values: Any) -> Any:
    """One column as a numpy array; null is NaN in numbers (integers become floats then) and None elsewhere."""
    if isinstance(values, np.ndarray):
        return values
    if column.datatype == "BYTES":
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    numpy_name = NUMPY_TYPES[column.datatype][0]
    if column.nullable and any(value is None for value in values):
        if column.datatype == "BOOL" or column.shape:
            return np.array(values, dtype=object)
        return np.array(values, dtype=numpy_name if column.datatype in FLOATS else "float64")
    return np.array(values, dtype=numpy_name)


def _series(pd: Any, column: Column, values: Any) -> Any:
    np = find_numpy()
    if column.shape:
        return pd.Series(list(values), dtype=object)
    if column.datatype != "BYTES":
        return column_array(np, column, values)
    listed = _plain_list(values)
    if column.kind == "date":
        return pd.to_datetime(pd.Series(listed, dtype=object), format="ISO8601")
    if column.categories:
        return pd.Categorical(listed, categories=list(column.categories))
    return pd.Series(listed) if any(value is not None for value in listed) else pd.Series(listed, dtype=object)


def _plain_list(values: Any) -> list[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)
