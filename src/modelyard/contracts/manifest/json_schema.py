"""The JSON schema that editors read by the manifest's `#:schema` line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelyard.contracts.manifest.sections import COLUMN_KEYS, EXPECT_LIMITS, REQUIRED_SECTIONS, SECTIONS, Key


def manifest_schema() -> dict[str, Any]:
    """JSON schema 2020-12 of the whole manifest; unknown keys are errors, as in the parser."""
    sections = {name: _table(keys) for name, keys in SECTIONS.items()}
    for side in ("inputs", "outputs"):
        sections["schema"]["properties"][side] = {"type": "array", "items": _table(COLUMN_KEYS)}
    sections["model"]["oneOf"] = [{"required": ["entry_point"]}, {"required": ["artifact"]}]
    sections["examples"] = {"type": "array", "items": _example()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:modelyard:manifest:v1",
        "title": "modelyard.toml",
        "type": "object",
        "properties": sections,
        "required": list(REQUIRED_SECTIONS),
        "additionalProperties": False,
    }


def _table(keys: Sequence[Key]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {key.name: _property(key) for key in keys},
        "required": [key.name for key in keys if key.is_required],
        "additionalProperties": False,
    }


def _property(key: Key) -> dict[str, Any]:
    described = {"description": key.doc}
    return {**described, "type": "array", "items": key.kind.schema} if key.is_list else {**described, **key.kind.schema}


def _example() -> dict[str, Any]:
    other: dict[str, Any] = {"equals": {}, "one_of": {"type": "array"}}
    limits: dict[str, Any] = {name: other.get(name, {"type": "number"}) for name in EXPECT_LIMITS}
    wanted = {
        "anyOf": [
            {"type": ["string", "number", "boolean", "array"]},
            {"type": "object", "properties": limits, "additionalProperties": False},
        ]
    }
    return {
        "type": "object",
        "properties": {
            "input": {"description": "JSON file, or the row itself.", "type": ["string", "object"]},
            "expect": {
                "description": "Output columns: a value, or limits.",
                "type": "object",
                "additionalProperties": wanted,
            },
        },
        "required": ["input"],
        "additionalProperties": False,
    }
