"""Bodies of models, versions, aliases and diffs."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from modelyard.kernel.clock import to_rfc3339
from modelyard.registry.models.diff import VersionDiff
from modelyard.registry.models.domain import Alias, ModelSummary, Version, VersionFile


class AliasBody(BaseModel):
    alias: str
    version: str
    revision: int
    updated_at: str
    updated_by: str

    @classmethod
    def of(cls, alias: Alias) -> AliasBody:
        return cls(
            alias=alias.name,
            version=alias.number,
            revision=alias.revision,
            updated_at=to_rfc3339(alias.updated_at),
            updated_by=alias.updated_by,
        )


class AliasTarget(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: str = Field(max_length=100, examples=["1.1.0"])


class VersionSummaryBody(BaseModel):
    """A version as lists show it."""

    id: str
    model: str
    version: str
    digest: str
    state: str
    metrics: dict[str, float]
    description: str
    tags: list[str]
    licence: str
    build: int
    git: dict[str, Any] | None
    created_at: str
    created_by: str

    @classmethod
    def of(cls, version: Version) -> VersionSummaryBody:
        return cls(**summary_fields(version))


class FileBody(BaseModel):
    path: str
    digest: str
    size_bytes: int
    in_document: bool = Field(description="Whether the node gets it; the others are kept for people.")


class VersionBody(VersionSummaryBody):
    """A version with everything that is known about it."""

    document: dict[str, Any] = Field(description="What the digest is taken over: files, environment, entry, schema.")
    model_schema: dict[str, Any] = Field(description="Input and output columns; the same as document.schema.")
    files: list[FileBody]
    packages: list[dict[str, str]]
    data: dict[str, Any]
    check: dict[str, Any]
    card: str
    sample: list[dict[str, Any]] | None
    sample_output: list[dict[str, Any]] | None
    client: dict[str, Any]

    @classmethod
    def of_version(cls, version: Version, files: tuple[VersionFile, ...]) -> VersionBody:
        facts = version.facts
        return cls(
            **summary_fields(version),
            document=version.document,
            model_schema=version.document["schema"],
            files=[
                FileBody(path=f.path, digest=f.digest, size_bytes=f.size_bytes, in_document=f.in_document)
                for f in files
            ],
            packages=list(facts.packages),
            data=facts.data,
            check=facts.check,
            card=facts.card,
            sample=facts.sample,
            sample_output=facts.sample_output,
            client=facts.client,
        )


class VersionList(BaseModel):
    items: list[VersionSummaryBody]
    next: str | None


class ModelBody(BaseModel):
    id: str
    name: str
    description: str
    tags: list[str]
    versions: int
    latest: VersionSummaryBody | None
    aliases: list[AliasBody]
    created_at: str
    created_by: str

    @classmethod
    def of(cls, summary: ModelSummary) -> ModelBody:
        model = summary.model
        return cls(
            id=model.id,
            name=model.name,
            description=model.description,
            tags=list(model.tags),
            versions=summary.versions,
            latest=VersionSummaryBody.of(summary.latest) if summary.latest else None,
            aliases=[AliasBody.of(alias) for alias in summary.aliases],
            created_at=to_rfc3339(model.created_at),
            created_by=model.created_by,
        )


class ModelList(BaseModel):
    items: list[ModelBody]
    next: str | None


class MetricChangeBody(BaseModel):
    name: str
    a: float | None
    b: float | None
    direction: str = Field(description="higher, lower or unknown: which way is better.")
    better: bool | None


class ColumnChangeBody(BaseModel):
    side: str
    name: str
    change: str
    a: dict[str, Any] | None
    b: dict[str, Any] | None


class PackageChangeBody(BaseModel):
    name: str
    change: str
    a: str
    b: str


class FileChangeBody(BaseModel):
    path: str
    change: str
    a: str
    b: str
    diff: str
    note: str


class SettingChangeBody(BaseModel):
    name: str
    a: Any
    b: Any


class DiffBody(BaseModel):
    """From `a` to `b`."""

    metrics: list[MetricChangeBody]
    columns: list[ColumnChangeBody]
    packages: list[PackageChangeBody]
    files: list[FileChangeBody]
    settings: list[SettingChangeBody]

    @classmethod
    def of(cls, diff: VersionDiff) -> DiffBody:
        return cls(
            metrics=[MetricChangeBody.model_validate(one, from_attributes=True) for one in diff.metrics],
            columns=[ColumnChangeBody.model_validate(one, from_attributes=True) for one in diff.columns],
            packages=[PackageChangeBody.model_validate(one, from_attributes=True) for one in diff.packages],
            files=[FileChangeBody.model_validate(one, from_attributes=True) for one in diff.files],
            settings=[SettingChangeBody(name=name, a=a, b=b) for name, a, b in diff.settings],
        )


def summary_fields(version: Version) -> dict[str, Any]:
    facts = version.facts
    return {
        "id": version.id,
        "model": version.model,
        "version": version.number,
        "digest": version.digest,
        "state": version.state,
        "metrics": facts.metrics,
        "description": facts.description,
        "tags": list(facts.tags),
        "licence": facts.licence,
        "build": version.build_number,
        "git": facts.git,
        "created_at": to_rfc3339(version.created_at),
        "created_by": version.created_by,
    }
