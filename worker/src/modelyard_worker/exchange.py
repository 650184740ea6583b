"""Between a model's schema and the Open Inference Protocol: tensors in to a table, columns out to tensors, metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from modelyard_worker import __version__
from modelyard_worker.arrays import FLOATS, INTEGER_RANGES, NUMPY_TYPES, find_numpy, is_missing
from modelyard_worker.failures import Refused
from modelyard_worker.oip import InferRequest, Tensor
from modelyard_worker.outputs import json_values
from modelyard_worker.rows import check_scalar
from modelyard_worker.schema import Column, ModelSchema
from modelyard_worker.tables import Inputs, Table


def server_metadata() -> dict[str, Any]:
    """The answer to `GET /v2`."""
    return {"name": "modelyard", "version": __version__, "extensions": ["binary_tensor_data"]}


def model_metadata(name: str, version: str, schema: ModelSchema) -> dict[str, Any]:
    """The answer to `GET /v2/models/NAME`. Size -1 is the number of rows; `parameters` are for rows."""
    return {
        "name": name,
        "versions": [version],
        "platform": "modelyard_python",
        "inputs": [_tensor_metadata(column) for column in schema.inputs],
        "outputs": [_tensor_metadata(column) for column in schema.outputs],
        "parameters": {"key": schema.key} if schema.key else {},
    }


def _tensor_metadata(column: Column) -> dict[str, Any]:
    parameters: dict[str, Any] = {"kind": column.kind, "nullable": column.nullable}
    if column.categories:
        parameters["categories"] = list(column.categories)
    shape = [-1, *column.shape]
    return {"name": column.name, "datatype": column.datatype, "shape": shape, "parameters": parameters}


def table_of_tensors(tensors: Sequence[Tensor], inputs: Inputs) -> Table:
    """One tensor for each column, or all numeric columns as one tensor of shape [rows, columns] in schema order.

    Raises Refused (400).
    """
    if len(tensors) == 1 and _is_matrix(tensors[0], inputs):
        return _table_of_matrix(tensors[0], inputs)
    by_name = {tensor.name: tensor for tensor in tensors}
    unknown = [name for name in by_name if name not in inputs.by_name]
    absent = [name for name in inputs.names if name not in by_name]
    if len(by_name) < len(tensors):
        raise Refused(400, "inputs: got two tensors of one name")
    if unknown or absent:
        matrix = f", or one tensor of shape [rows, {len(inputs.names)}]" if inputs.numeric else ""
        problem = f'unknown tensor "{unknown[0]}"' if unknown else f'no tensor "{absent[0]}"'
        raise Refused(
            400, f"inputs: got {problem}, expected one tensor for each of {len(inputs.names)} columns{matrix}"
        )
    row_counts = {tensor.shape[0] if tensor.shape else 1 for tensor in tensors}
    if len(row_counts) != 1:
        raise Refused(400, f"inputs: got tensors of {sorted(row_counts)} rows, expected the same number in each")
    row_count = row_counts.pop()
    if row_count == 0:
        raise Refused(400, "inputs: got no rows, expected at least one")
    values = {column.name: _column(by_name[column.name], column, row_count) for column in inputs.columns}
    np = find_numpy()
    if np is not None and inputs.uniform:
        return Table(inputs, row_count, matrix=np.column_stack([values[name] for name in inputs.names]))
    return Table(inputs, row_count, values=values)


def _is_matrix(tensor: Tensor, inputs: Inputs) -> bool:
    width = len(inputs.names)
    if not inputs.numeric or len(tensor.shape) != 2 or tensor.shape[1] != width or tensor.datatype in ("BYTES", "BOOL"):
        return False
    return width > 1 or tensor.name not in inputs.by_name


def _table_of_matrix(tensor: Tensor, inputs: Inputs) -> Table:
    np = find_numpy()
    row_count, width = tensor.shape
    if row_count == 0:
        raise Refused(400, f'inputs."{tensor.name}": got no rows, expected at least one')
    if np is not None and inputs.uniform:
        matrix = _cast(tensor.data, inputs.uniform, f'inputs."{tensor.name}"')
        if inputs.uniform in FLOATS:
            _check_nulls(matrix, inputs)
        return Table(inputs, row_count, matrix=matrix)
    columns = {}
    for index, column in enumerate(inputs.columns):
        data = tensor.data[index::width] if np is None else tensor.data[:, index]
        columns[column.name] = _column(Tensor(column.name, tensor.datatype, (row_count,), data), column, row_count)
    return Table(inputs, row_count, values=columns)


def _check_nulls(matrix: Any, inputs: Inputs) -> None:
    np = find_numpy()
    if np.isfinite(matrix).all():
        return
    bad = ~np.isfinite(matrix)
    if inputs.nullable:
        bad &= ~(np.isnan(matrix) & np.array([column.nullable for column in inputs.columns]))
    if bad.any():
        row, index = (int(n) for n in np.argwhere(bad)[0])
        _refuse_number(row, inputs.columns[index], matrix[row, index])


def _refuse_number(row: int, column: Column, value: Any) -> None:
    got = "NaN" if is_missing(value) else str(value)
    raise Refused(400, f'row {row} of "{column.name}": got {got}, expected a finite {column.datatype}')


def _column(tensor: Tensor, column: Column, row_count: int) -> Any:
    """One column's data in the column's own data type and shape, checked."""
    place = f'inputs."{tensor.name}"'
    if prod(tensor.shape) != row_count * prod(column.shape):
        raise Refused(400, f"{place}.shape: got {list(tensor.shape)}, expected {[row_count, *column.shape]}")
    if (tensor.datatype == "BYTES") != (column.datatype == "BYTES"):
        raise Refused(400, f"{place}: got {tensor.datatype}, expected {column.datatype}")
    if column.datatype == "BYTES":
        return _texts(tensor, column, row_count, place)
    if find_numpy() is None:
        values = [_scalar_or_null(value, column, f"{place}[{index}]") for index, value in enumerate(tensor.data)]
        width = prod(column.shape)
        return values if not column.shape else [values[n * width : (n + 1) * width] for n in range(row_count)]
    data = _cast(tensor.data.reshape((row_count, *column.shape)), column.datatype, place, column.nullable)
    if data.dtype.kind == "f":
        _check_finite(data, column)
    return data


def _scalar_or_null(value: Any, column: Column, place: str) -> Any:
    if column.nullable and is_missing(value):
        return None
    return check_scalar(value, column, place)


def _check_finite(data: Any, column: Column) -> None:
    np = find_numpy()
    bad = ~np.isfinite(data)
    if column.nullable:
        bad &= ~np.isnan(data)
    if bad.any():
        position = np.argwhere(bad)[0]
        _refuse_number(int(position[0]), column, data[tuple(position)])


def _cast(data: Any, datatype: str, place: str, nullable: bool = False) -> Any:
    """An array in the column's data type; floats only become integers where nothing is lost."""
    np = find_numpy()
    target = np.dtype(NUMPY_TYPES[datatype][0])
    if data.dtype == target:
        return data
    if (datatype == "BOOL") != (data.dtype.kind == "b"):
        raise Refused(400, f"{place}: got {data.dtype.name}, expected {datatype}")
    if datatype in FLOATS:
        return data.astype(target)
    if nullable and data.dtype.kind == "f" and np.isnan(data).any():
        return data.astype("float64")  # integers with gaps are floats with NaN, as pandas has them
    low, high = INTEGER_RANGES[datatype]
    with np.errstate(invalid="ignore"):
        whole = data.dtype.kind != "f" or (np.isfinite(data).all() and (data == np.trunc(data)).all())
    if not whole or (data.size and (int(data.min()) < low or int(data.max()) > high)):
        raise Refused(400, f"{place}: got {data.dtype.name} values that are no {datatype} ({low} to {high})")
    return data.astype(target)


def _texts(tensor: Tensor, column: Column, row_count: int, place: str) -> list[Any]:
    flat = tensor.data.ravel().tolist() if hasattr(tensor.data, "ravel") else tensor.data
    texts: list[Any] = []
    for index, element in enumerate(flat):
        try:
            texts.append(check_scalar(element.decode(), column, f"{place}[{index}]"))
        except UnicodeDecodeError:
            raise Refused(400, f"{place}[{index}]: got bytes that are no UTF-8, expected text") from None
    width = prod(column.shape)
    return texts if not column.shape else [texts[n * width : (n + 1) * width] for n in range(row_count)]


def tensors_of_columns(columns: Mapping[str, Any], outputs: Sequence[Column], request: InferRequest) -> list[Tensor]:
    """The requested outputs (all, where none is named) in the schema's data types. Raises Refused for unknown names."""
    wanted = [output.name for output in request.outputs] or list(columns)
    declared = {column.name: column for column in outputs}
    for name in wanted:
        if name not in columns:
            raise Refused(400, f'outputs: got unknown "{name}", expected one of {", ".join(columns)}')
    return [_output_tensor(name, columns[name], declared.get(name)) for name in wanted]


def _output_tensor(name: str, values: Any, column: Column | None) -> Tensor:
    np = find_numpy()
    datatype = column.datatype if column is not None else "BYTES"
    if np is not None and datatype != "BYTES":
        listed = values if isinstance(values, np.ndarray) and values.dtype.kind != "O" else json_values(values)
        gaps = not isinstance(listed, np.ndarray) and None in listed
        if gaps and datatype not in FLOATS:
            datatype = "FP64"
        array = np.asarray(listed, dtype=NUMPY_TYPES[datatype][0])
        return Tensor(name, datatype, array.shape, array)
    items = json_values(values)
    if datatype != "BYTES":
        shape = (len(items), *(column.shape if column is not None else ()))
        return Tensor(name, datatype, shape, _flat(items))
    flat = items if _is_text(values) else ["" if item is None else str(item) for item in _flat(items)]
    shape = (len(items), *(column.shape if column is not None else ()))
    return Tensor(name, "BYTES", shape if prod(shape) == len(flat) else (len(flat),), flat)


def _is_text(values: Any) -> bool:
    return getattr(getattr(values, "dtype", None), "kind", "") == "U" and values.ndim == 1


def _flat(items: Any) -> list[Any]:
    return [leaf for item in items for leaf in (_flat(item) if isinstance(item, list) else [item])]
