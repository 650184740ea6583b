"""What a model takes and gives: columns, and how they are inferred from a sample and the answer to it.

The JSON form is that of `modelyard.contracts.version_document.ModelSchema`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from modelyard_worker.arrays import FLOATS, INTEGER_RANGES, datatype_of, find_numpy, is_missing
from modelyard_worker.failures import CheckFailure

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?")


@dataclass(frozen=True)
class Column:
    """A named input or output; `shape` is that of one row (empty: a scalar); `kind` refines BYTES for rows."""

    name: str
    datatype: str
    shape: tuple[int, ...] = ()
    nullable: bool = False
    kind: str = "number"
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelSchema:
    """Columns in order; `key` names the business key of a row; `layout` is "frame", "array" or "dicts"."""

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    key: str = ""
    layout: str = "frame"

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "inputs": [column_to_json(c) for c in self.inputs],
            "outputs": [column_to_json(c) for c in self.outputs],
        }


def column_to_json(column: Column) -> dict[str, Any]:
    return {**asdict(column), "shape": list(column.shape), "categories": list(column.categories)}


def column_from_json(value: Mapping[str, Any]) -> Column:
    """Absent fields get their defaults; without a `kind` it follows from the data type and the categories."""
    categories = tuple(str(c) for c in value.get("categories") or ())
    datatype = str(value["datatype"]).upper()
    kind = {"BOOL": "boolean", "BYTES": "category" if categories else "text"}.get(datatype, "number")
    return Column(
        name=str(value["name"]),
        datatype=datatype,
        shape=tuple(int(n) for n in value.get("shape") or ()),
        nullable=bool(value.get("nullable", False)),
        kind=str(value.get("kind") or kind),
        categories=categories,
    )


def schema_from_json(value: Mapping[str, Any]) -> ModelSchema:
    """The inverse of `ModelSchema.to_json`. Raises KeyError when a column lacks its name or data type."""
    return ModelSchema(
        inputs=tuple(column_from_json(c) for c in value.get("inputs") or ()),
        outputs=tuple(column_from_json(c) for c in value.get("outputs") or ()),
        key=str(value.get("key") or ""),
        layout=str(value.get("layout") or "frame"),
    )


def is_iso_date(text: str) -> bool:
    """Whether the text is an ISO 8601 date, or date and time, that exists in the calendar."""
    if not _ISO_DATE.fullmatch(text):
        return False
    try:
        dt.date.fromisoformat(text[:10])
        if len(text) > 10:
            dt.time.fromisoformat(text[11:19] if len(text) >= 19 else text[11:16])
    except ValueError:
        return False
    return True


def infer_inputs(sample: Any, key: str = "") -> tuple[Column, ...]:
    """Input columns of sample rows (a list of objects) or of a DataFrame, whose dtypes are then kept.

    Raises CheckFailure `builds.sample_rejected` when a column has no or contradicting types.
    """
    if hasattr(sample, "dtypes") and hasattr(sample, "columns"):
        return tuple(_column_of_series(str(n), sample[n]) for n in sample.columns if str(n) != key)
    if not sample or not all(isinstance(row, Mapping) and row for row in sample):
        raise CheckFailure(
            "builds.sample_rejected",
            "The sample is no list of row objects with columns.",
            'Write rows such as [{"age": 41, "smoker": false}] into the sample file.',
        )
    names = list(dict.fromkeys(name for row in sample for name in row if name != key))
    return tuple(_column_of_values(name, [row.get(name) for row in sample]) for name in names)


def _column_of_values(name: str, values: Sequence[Any]) -> Column:
    present = [value for value in values if not is_missing(value)]
    nullable = len(present) < len(values)
    types = {type(value) for value in present}
    if not present:
        raise CheckFailure(
            "builds.sample_rejected",
            f'The sample has no value for "{name}", so its type is unknown.',
            f'Give one row a value for "{name}", or write [[schema.inputs]] out.',
        )
    if types == {bool}:
        return Column(name, "BOOL", nullable=nullable, kind="boolean")
    if types == {int} and all(-(2**63) <= value < 2**63 for value in present):
        return Column(name, "INT64", nullable=nullable)
    if types <= {int, float}:
        return Column(name, "FP64", nullable=nullable)
    if types == {str}:
        dates = all(is_iso_date(value) for value in present)
        return Column(name, "BYTES", nullable=nullable, kind="date" if dates else "text")
    if types == {list}:
        return _column_of_vectors(name, present, nullable)
    got = ", ".join(sorted(t.__name__ for t in types))
    raise CheckFailure(
        "builds.sample_rejected",
        f'The sample\'s column "{name}" has values of type {got}, expected one of number, string, boolean or list.',
        "Give every row the same type for a column.",
    )


def _column_of_vectors(name: str, values: Sequence[Any], nullable: bool) -> Column:
    shapes = {_shape_of(value) for value in values}
    flat = [item for value in values for item in _flatten(value)]
    if len(shapes) != 1 or not flat:
        raise CheckFailure(
            "builds.sample_rejected",
            f'The sample\'s column "{name}" has lists of different or no length.',
            "Lists in a column need the same length in every row.",
        )
    element = _column_of_values(name, flat)
    return Column(name, element.datatype, shapes.pop(), nullable, "text" if element.kind == "date" else element.kind)


def _shape_of(value: Any) -> tuple[int, ...]:
    return (len(value), *_shape_of(value[0])) if isinstance(value, list) and value else ()


def _flatten(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _flatten(item)] if isinstance(value, list) else [value]


def _column_of_series(name: str, series: Any) -> Column:
    nullable = bool(series.isna().any())
    dtype = str(series.dtype)
    if dtype == "category":
        categories = tuple(str(c) for c in series.cat.categories)
        return Column(name, "BYTES", nullable=nullable, kind="category", categories=categories)
    if dtype.startswith("datetime64"):
        return Column(name, "BYTES", nullable=nullable, kind="date")
    datatype = datatype_of(dtype.lower())
    if datatype == "BYTES":
        values = [None if is_missing(value) else value for value in series.tolist()]
        column = _column_of_values(name, values)
        # Text in a frame stays text: the model was trained on strings, also where they look like dates.
        return Column(name, column.datatype, column.shape, nullable, "text") if column.kind == "date" else column
    return Column(name, datatype, nullable=nullable, kind="boolean" if datatype == "BOOL" else "number")


def infer_outputs(columns: Mapping[str, Any]) -> tuple[Column, ...]:
    """Output columns of what `outputs.output_columns` made of a model's answer."""
    return tuple(_output_column(name, values) for name, values in columns.items())


def _output_column(name: str, values: Any) -> Column:
    np = find_numpy()
    if np is not None and isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        datatype = datatype_of(values.dtype.name)
        nullable = bool(values.dtype.kind == "f" and np.isnan(values).any())
        return Column(name, datatype, values.shape[1:], nullable, "boolean" if datatype == "BOOL" else "number")
    if np is not None and isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return Column(name, "BYTES", values.shape[1:], bool(np.isnat(values).any()), "date")
    listed = [item.item() if hasattr(item, "item") else item for item in values]
    listed = [str(item) if isinstance(item, bytes) else item for item in listed]
    present = [item for item in listed if not is_missing(item)]
    if not present:
        return Column(name, "FP64", nullable=True)
    if all(isinstance(item, dt.date) for item in present):
        return Column(name, "BYTES", (), len(present) < len(listed), "date")
    column = _column_of_values(name, listed)
    return Column(
        name, column.datatype, column.shape, column.nullable, "text" if column.kind == "date" else column.kind
    )


def check_contradiction(declared: Sequence[Column], inferred: Sequence[Column], what: str) -> None:
    """Raises CheckFailure `builds.schema_contradiction` when what was seen does not fit what was declared.

    Integers fit declared floats; a narrower number fits a wider one; nullability is only ever widened by a declaration.
    `what` is "inputs" or "outputs" and leads each finding.
    """
    seen = {column.name: column for column in inferred}
    wanted = {column.name for column in declared}
    findings = [f'{what}."{name}" was seen but is not declared' for name in seen if name not in wanted]
    for column in declared:
        found = seen.get(column.name)
        if found is None:
            findings.append(f'{what}."{column.name}" is declared but was not seen')
        elif not _fits(found, column):
            findings.append(f'{what}."{column.name}": saw {_words(found)}, declared {_words(column)}')
        elif found.nullable and not column.nullable:
            findings.append(f'{what}."{column.name}": saw null, declared not nullable')
    if findings:
        raise CheckFailure(
            "builds.schema_contradiction",
            "The declared schema and the sample disagree: " + "; ".join(findings) + ".",
            "Correct [schema] in modelyard.toml, or the sample.",
            {"findings": findings},
        )


def _fits(found: Column, declared: Column) -> bool:
    if found.shape != declared.shape:
        return False
    if found.datatype == declared.datatype:
        return True
    integer = found.datatype in INTEGER_RANGES
    if declared.datatype in FLOATS:
        return integer or found.datatype in FLOATS
    return integer and declared.datatype in INTEGER_RANGES


def _words(column: Column) -> str:
    return column.datatype + (f" of shape {list(column.shape)}" if column.shape else "")
