"""What a reviewer decides on, as one JSON value with a digest: kept with the release, named by the signature."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from modelyard.contracts.canonical import digest_of
from modelyard.registry.models.diff import VersionDiff
from modelyard.registry.models.domain import Version

FORMAT = "modelyard-evidence/1"
# What the build found, without the rows of the sample: evidence is shown and kept, rows may be somebody's.
_FACTS = ("metrics", "check", "packages", "licence", "git", "data", "description", "tags", "client")


def make_evidence(version: Version, live: Version | None, diff: VersionDiff | None, endpoint: str) -> dict[str, Any]:
    """`against` and `diff` are None for the first version of an endpoint."""
    document = version.document
    evidence = {
        "format": FORMAT,
        "endpoint": endpoint,
        "version": {
            "model": version.model,
            "version": version.number,
            "digest": version.digest,
            "author": version.created_by,
            "build_number": version.build_number,
        },
        "schema": document.get("schema", {}),
        "environment": document.get("environment", {}),
        "files": document.get("files", []),
        "facts": {name: getattr(version.facts, name) for name in _FACTS},
        "against": None if live is None else {"version": live.number, "digest": live.digest, "model": live.model},
        "diff": None if diff is None else asdict(diff),
    }
    return {name: _plain(value) for name, value in evidence.items()}


def evidence_digest(evidence: dict[str, Any]) -> str:
    return digest_of(evidence)


def _plain(value: Any) -> Any:
    """As it comes back from a database: canonical JSON has no NaN, tuples or non-text keys."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    # PostgreSQL's JSONB keeps numbers, not how they were written: 2.0 may come back as 2.
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
