"""What a reviewer decides on, as one JSON value with a digest: it is kept with the release and named by the signature."""

from __future__ import annotations

import math
from typing import Any

from modelyard.contracts.canonical import digest_of
from modelyard.deployment.endpoints.versions import VersionFacts

FORMAT = "modelyard-evidence/1"


def make_evidence(
    version: VersionFacts, live: VersionFacts | None, diff: dict[str, Any] | None, endpoint: str
) -> dict[str, Any]:
    """`against` and `diff` are None for the first version of an endpoint."""
    document = version.document
    evidence = {
        "format": FORMAT,
        "endpoint": endpoint,
        "version": {
            "model": version.model,
            "version": version.version,
            "digest": version.digest,
            "author": version.author,
            "build_number": version.build_number,
        },
        "schema": document.get("schema", {}),
        "environment": document.get("environment", {}),
        "files": document.get("files", []),
        "facts": version.facts,
        "against": None if live is None else {"version": live.version, "digest": live.digest, "model": live.model},
        "diff": diff,
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
