"""The OpenAPI document of one endpoint: its own path, its own typed rows, its own examples."""

from __future__ import annotations

from typing import Any

from modelyard.contracts.version_document import Column, schema_from_json
from modelyard.deployment.endpoints.domain import Endpoint
from modelyard.deployment.endpoints.snippets import render_snippets
from modelyard.registry.models.domain import Version

_INTEGERS = {
    "INT8": (-(2**7), 2**7 - 1), "INT16": (-(2**15), 2**15 - 1), "INT32": (-(2**31), 2**31 - 1),
    "INT64": (-(2**63), 2**63 - 1), "UINT8": (0, 2**8 - 1), "UINT16": (0, 2**16 - 1), "UINT32": (0, 2**32 - 1),
    "UINT64": (0, 2**64 - 1),
}  # fmt: skip
_FLOATS = {"FP16": "float", "FP32": "float", "FP64": "double"}
EXAMPLE_ROWS_MAX = 1


def endpoint_document(endpoint: Endpoint, version: Version, base_url: str) -> dict[str, Any]:
    """OpenAPI 3.1, of the version that is live. `base_url` is the gateway's address."""
    schema = schema_from_json(version.document["schema"])
    rows = example_rows(version)
    url = base_url.rstrip("/") + endpoint.path
    operation = {
        "operationId": "predict",
        "summary": "Predict for rows",
        "security": [{"token": []}],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("Request"), "example": {"rows": rows}}},
        },
        "responses": {"200": _answer(version), **{code: _error(text) for code, text in _ERRORS.items()}},
        "x-codeSamples": [
            {"lang": snippet.language, "label": snippet.label, "source": snippet.source}
            for snippet in render_snippets(url, rows)
        ],
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": endpoint.label,
            "version": version.number,
            "summary": version.facts.description.partition("\n")[0][:200] or f"Predictions of {endpoint.label}",
            **({"license": {"name": version.facts.licence}} if version.facts.licence else {}),
        },
        "servers": [{"url": base_url.rstrip("/")}],
        "paths": {f"{endpoint.path}/predict": {"post": operation}},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": {
                "Row": row_schema(schema.inputs, schema.key),
                "Prediction": row_schema(schema.outputs, ""),
                "Request": _request_schema(),
                "Answer": _answer_schema(),
                "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
            },
        },
    }


def example_rows(version: Version) -> list[dict[str, Any]]:
    """From the version's sample, or made of its columns where it came without one."""
    if version.facts.sample:
        return version.facts.sample[:EXAMPLE_ROWS_MAX]
    schema = schema_from_json(version.document["schema"])
    return [{column.name: _example(column) for column in schema.inputs}]


def row_schema(columns: tuple[Column, ...], key: str) -> dict[str, Any]:
    """JSON Schema of one row. The business key may come along with it."""
    properties = {column.name: column_schema(column) for column in columns}
    if key and key not in properties:
        properties[key] = {"type": ["string", "integer", "null"], "description": "Business key; joins late outcomes."}
    required = [column.name for column in columns if not column.nullable]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def column_schema(column: Column) -> dict[str, Any]:
    """JSON Schema of one value; a column with a shape is an array, nested once a dimension."""
    schema = _scalar(column)
    for length in reversed(column.shape):
        bounds = {"minItems": length, "maxItems": length} if length >= 0 else {}
        schema = {"type": "array", "items": schema, **bounds}
    if column.nullable:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema


def _scalar(column: Column) -> dict[str, Any]:
    if column.datatype == "BOOL":
        return {"type": "boolean"}
    if column.datatype in _INTEGERS:
        low, high = _INTEGERS[column.datatype]
        return {"type": "integer", "minimum": low, "maximum": high}
    if column.datatype in _FLOATS:
        return {"type": "number", "format": _FLOATS[column.datatype]}
    if column.categories:
        return {"type": "string", "enum": list(column.categories)}
    # A date may carry a time, so neither of JSON Schema's formats fits all of them.
    return {"type": "string", **({"description": "ISO 8601 date or date and time"} if column.kind == "date" else {})}


def _example(column: Column) -> Any:
    value: Any = 0
    if column.datatype == "BOOL":
        value = False
    elif column.datatype == "BYTES":
        value = column.categories[0] if column.categories else ("2026-01-31" if column.kind == "date" else "text")
    elif column.datatype in _FLOATS:
        value = 0.0
    for length in reversed(column.shape):
        value = [value] * max(length, 1)
    return value


def _request_schema() -> dict[str, Any]:
    """Rows under their name (with a business key beside them, for all or one each), a list of rows, or one row."""
    listed = {"type": "array", "items": _ref("Row"), "minItems": 1}
    named = {
        "type": "object",
        "required": ["rows"],
        "properties": {"rows": listed, "key": {}},
        "additionalProperties": False,
    }
    return {"anyOf": [named, listed, _ref("Row")]}


def _answer_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["predictions", "version", "prediction_id"],
        "properties": {
            "predictions": {"type": "array", "items": _ref("Prediction")},
            "version": {"type": "string"},
            "prediction_id": {"type": "string", "pattern": "^pr_"},
        },
    }


def _answer(version: Version) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": _ref("Answer")}
    if version.facts.sample_output:
        content["example"] = {
            "predictions": version.facts.sample_output[:EXAMPLE_ROWS_MAX],
            "version": version.number,
            "prediction_id": "pr_00000000-0000-4000-8000-000000000000",
        }
    return {"description": "One prediction a row, in the order sent.", "content": {"application/json": content}}


_ERRORS = {
    "400": "A row does not fit the schema; the message names the row, the column and what was expected.",
    "401": "No token, or one that is not valid.",
    "404": "There is no such endpoint that you may call.",
    "413": "The body is larger than the endpoint takes.",
    "429": "Over the rate; Retry-After says when to come back.",
    "503": "No replica can answer now; Retry-After says when to come back.",
    "504": "The model did not answer in time.",
}


def _error(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ref("Error")}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
