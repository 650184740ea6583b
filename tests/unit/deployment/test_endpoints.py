"""Schemas and snippets of endpoints."""

from __future__ import annotations

import json

import pytest

from modelyard.contracts.version_document import Column
from modelyard.deployment.endpoints.openapi import column_schema, row_schema
from modelyard.deployment.endpoints.snippets import render_snippets


@pytest.mark.parametrize(
    ("column", "schema"),
    [
        (Column("x", "FP32"), {"type": "number", "format": "float"}),
        (Column("x", "UINT8"), {"type": "integer", "minimum": 0, "maximum": 255}),
        (Column("x", "BOOL"), {"type": "boolean"}),
        (Column("x", "BYTES", categories=("a", "b"), kind="category"), {"type": "string", "enum": ["a", "b"]}),
        (Column("x", "BOOL", nullable=True), {"anyOf": [{"type": "boolean"}, {"type": "null"}]}),
        (
            Column("x", "BOOL", shape=(2, -1)),
            {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "array", "items": {"type": "boolean"}}},
        ),
    ],
)
def test_column_schema_is_as_strict_as_the_worker(column, schema):
    assert column_schema(column) == schema


def test_row_schema_requires_what_may_not_be_null():
    schema = row_schema((Column("x", "BOOL"), Column("y", "BOOL", nullable=True)), "case_id")
    assert schema["required"] == ["x"]
    assert "case_id" in schema["properties"]


@pytest.mark.parametrize("text", ["it's", 'say "x"', "back\\slash", "line\nbreak", "${HOME} `id`", "</script>"])
def test_snippets_carry_any_text_safely(text):
    rows = [{"name": text}]
    snippets = {snippet.label: snippet.source for snippet in render_snippets("http://h/v2/models/p.e", rows)}
    compile(snippets["Python"], "snippet", "exec")
    assert repr(rows) in snippets["Python"]
    assert json.dumps({"rows": rows}) in snippets["JavaScript"]
    assert json.dumps(json.dumps({"rows": rows})) in snippets["Java"]
    # In single quotes a shell expands nothing.
    assert "'\\''" in snippets["curl"] if "'" in text else f"-d '{json.dumps({'rows': rows})}'" in snippets["curl"]
