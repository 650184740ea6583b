"""The chain from a prediction back to people, code, data and environment, as JSON that reads from top to bottom."""

from __future__ import annotations

from typing import Any

from modelyard.deployment.endpoints.domain import Endpoint
from modelyard.deployment.releases.domain import Release
from modelyard.identity.pairings.domain import Pairing
from modelyard.identity.tokens.domain import Token
from modelyard.kernel.clock import to_rfc3339
from modelyard.registry.models.domain import Version, VersionFile


def prediction_part(record: dict[str, Any]) -> dict[str, Any]:
    """What Envoy itself recorded; times in milliseconds."""
    return {
        "id": record.get("prediction_id"),
        "time": record.get("time"),
        "kind": record.get("kind") or "endpoint",
        "status": _number(record.get("status")),
        "path": record.get("path"),
        "total_ms": _milliseconds(record.get("total_us")),
        "model_ms": _milliseconds(record.get("model_us")),
        "peer": record.get("peer"),
    }


def caller_part(record: dict[str, Any], token: Token | None, pairing: Pairing | None) -> dict[str, Any]:
    """Who called, by which token, and why they may. Without a row of the token only the gateway's word is left."""
    if token is None:
        return {"principal_id": record.get("caller"), "token_id": record.get("token_id")}
    return {
        "name": token.principal_name,
        "kind": token.principal_kind,
        "principal_id": token.principal_id,
        "token_id": token.id,
        "token_kind": token.kind,
        "token_name": token.name,
        "token_made_by": token.created_by,
        "purpose": pairing.purpose if pairing else "try it",
        "pairing_id": pairing.id if pairing else None,
        "allowed_by": pairing.created_by if pairing else None,
    }


def endpoint_part(endpoint: Endpoint) -> dict[str, Any]:
    return {"project": endpoint.project, "name": endpoint.name, "id": endpoint.id}


def release_part(release: Release) -> dict[str, Any]:
    return {
        "number": release.number,
        "state": release.state,
        "requested_by": release.requested_by,
        "request_why": release.why,
        "approved_by": release.decided_by,
        "approve_why": release.decision_why,
        "approved_at": to_rfc3339(release.decided_at) if release.decided_at else None,
        "live_at": to_rfc3339(release.first_live_at) if release.first_live_at else None,
        "evidence_digest": release.evidence_digest,
        "statement": release.statement,
    }


def version_parts(version: Version, files: tuple[VersionFile, ...]) -> dict[str, Any]:
    """The version with its build, code, data and environment."""
    document = version.document
    return {
        "version": {
            "model": version.model,
            "version": version.number,
            "id": version.id,
            "digest": version.digest,
            "author": version.created_by,
            "built_at": to_rfc3339(version.created_at),
            "metrics": version.facts.metrics,
        },
        "build": {"number": version.build_number, "id": version.build_id, "git": version.facts.git},
        "code": [{"path": file.path, "digest": file.digest} for file in files],
        "data": {**version.facts.data, "sample_digest": document.get("sample_digest") or None},
        "environment": {**document.get("environment", {}), "packages": len(version.facts.packages)},
    }


def sentence(lineage: dict[str, Any]) -> str:
    """The five Ws of a prediction in words."""
    prediction, caller, version = lineage["prediction"], lineage["caller"], lineage["version"]
    who = caller.get("name") or caller.get("principal_id") or "somebody"
    where = lineage.get("endpoint")
    place = f"{where['project']}/{where['name']}" if where else f"the preview of {version['model']}"
    words = f"{who} called {place} at {prediction['time']}"
    if caller.get("purpose"):
        words += f" for {caller['purpose']}"
    words += f"; {version['model']} {version['version']}, build {lineage['build']['number']} by {version['author']},"
    words += f" answered with {prediction['status']}."
    release = lineage.get("release")
    if release:
        words += f" {release['approved_by']} approved release {release['number']}: {release['approve_why']}"
    return words


def chain(lineage: dict[str, Any]) -> str:
    """`train.py@3f1c → build 2 → release 2`: the shortest way to say it."""
    git = lineage["build"].get("git") or {}
    commit = str(git.get("commit") or "")[:4]
    paths = [item["path"] for item in lineage["code"]]
    code = next((path for path in ("train.py", "model.py") if path in paths), paths[0] if paths else "object")
    steps = [f"{code}@{commit}{'+diff' if git.get('dirty') else ''}" if commit else code]
    steps.append(f"build {lineage['build']['number']}")
    if lineage.get("release"):
        steps.append(f"release {lineage['release']['number']}")
    return " → ".join(steps)


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _milliseconds(microseconds: Any) -> float | None:
    number = _number(microseconds)
    return None if number is None else number / 1000
