"""What a registered model, a version and an alias are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from modelyard.registry.models.semver import SemVer

VersionState = Literal["built"]


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """`description` and `tags` are those of the version pushed last."""

    id: str
    project_id: str
    name: str
    description: str
    tags: tuple[str, ...]
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class VersionFile:
    """`in_document`: the node gets it; the others (tests, training script, card) are kept for people."""

    path: str
    digest: str
    size_bytes: int
    in_document: bool = True


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """What is known about a version beside its document, none of it in the digest.

    `metrics` are as `metrics.json` said. `packages`: [{name, version, licence}]. `git`: {commit, dirty, diff_digest,
    remote} or None. `data`: {training|evaluation: {path, digest, size_bytes, profile}}. `check`: what the cell
    reported: {examples, tests, load_s, deterministic}. `sample` and `sample_output` are lists of rows.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    description: str = ""
    licence: str = ""
    tags: tuple[str, ...] = ()
    card: str = ""
    packages: tuple[dict[str, str], ...] = ()
    git: dict[str, Any] | None = None
    data: dict[str, Any] = field(default_factory=dict)
    check: dict[str, Any] = field(default_factory=dict)
    sample: list[dict[str, Any]] | None = None
    sample_output: list[dict[str, Any]] | None = None
    client: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """Immutable. `document` is `contracts.version_document` as JSON, and `digest` its digest."""

    id: str
    project_id: str
    model_id: str
    model: str
    number: str
    digest: str
    state: VersionState
    document: dict[str, Any]
    facts: VersionFacts
    build_id: str
    build_number: int
    created_at: datetime
    created_by: str
    created_by_id: str

    @property
    def semver(self) -> SemVer:
        return SemVer.parse(self.number)


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a build hands over. `number` empty: next patch."""

    model: str
    number: str
    digest: str
    document: dict[str, Any]
    facts: VersionFacts
    files: tuple[VersionFile, ...]
    build_id: str
    build_number: int
    created_by: str
    created_by_id: str


@dataclass(frozen=True, slots=True)
class Alias:
    """`revision` grows by one with each move; it is the ETag."""

    name: str
    version_id: str
    number: str
    revision: int
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A model with what a list shows of it."""

    model: RegisteredModel
    latest: Version | None
    versions: int
    aliases: tuple[Alias, ...]
