"""`modelyard.toml`: parser with line-exact errors, its dataclasses, and its JSON schema. Standard library only."""

from modelyard.contracts.manifest.domain import (
    FILENAME,
    DataSection,
    EnvironmentSection,
    Example,
    Manifest,
    ModelSection,
    SchemaSection,
)
from modelyard.contracts.manifest.errors import ManifestError
from modelyard.contracts.manifest.json_schema import manifest_schema
from modelyard.contracts.manifest.parsing import parse

__all__ = [
    "FILENAME",
    "DataSection",
    "EnvironmentSection",
    "Example",
    "Manifest",
    "ManifestError",
    "ModelSection",
    "SchemaSection",
    "manifest_schema",
    "parse",
]
