"""What deployment asks of the registry; `server/wiring.py` passes the answerer in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from modelyard.infra.db import UnitOfWork


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """A built version. `author_ids` are all principals whose work it is: who pushed it and who had it built again.
    `facts` are what the build found, for the reviewer: metrics, tests, examples, packages, git."""

    id: str
    project_id: str
    project: str
    model: str
    version: str
    digest: str
    document: dict[str, Any]
    author: str
    author_ids: frozenset[str]
    build_number: int
    sample: list[dict[str, Any]] | None = None
    sample_output: list[dict[str, Any]] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class Versions(Protocol):
    def find_version(self, uow: UnitOfWork, project_id: str, model: str, version: str) -> VersionFacts | None:
        """By semver or `@alias`; None when there is none in that project. Checks no permission."""
        ...

    def find_version_by_id(self, uow: UnitOfWork, version_id: str) -> VersionFacts | None: ...

    def diff(self, uow: UnitOfWork, old: VersionFacts, new: VersionFacts) -> dict[str, Any]:
        """What changed, as JSON: metrics, schema, dependencies, code."""
        ...
