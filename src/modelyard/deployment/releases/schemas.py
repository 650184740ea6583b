"""Bodies of the release routes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from modelyard.deployment.releases.domain import Release
from modelyard.deployment.releases.evidence import evidence_digest


class NewRelease(BaseModel):
    model_config = ConfigDict(extra="forbid")

    endpoint: str = Field(max_length=200, examples=["mine"])
    model: str = Field(max_length=200, examples=["mine"])
    version: str = Field(max_length=200, description="A version or `@alias`.", examples=["1.0.0"])
    why: str = Field(default="", max_length=2000)


class Decision(BaseModel):
    model_config = ConfigDict(extra="forbid")

    why: str = Field(max_length=2000, description="As the auditor will read it.")
    evidence_digest: str = Field(
        default="", max_length=80, description="Of what was looked at; refused if it changed since."
    )


class OptionalReason(BaseModel):
    model_config = ConfigDict(extra="forbid")

    why: str = Field(default="", max_length=2000)


class RollBackBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    to_release: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="A release number; absent: the one before."
    )
    why: str = Field(default="", max_length=2000)


class ReleaseBody(BaseModel):
    id: str
    number: int
    project: str
    endpoint: str
    model: str
    version: str
    version_id: str
    version_digest: str
    author: str
    requested_by: str
    requested_at: datetime
    why: str
    state: str
    decided_by: str
    decided_at: datetime | None
    decision_why: str
    targeted_at: datetime | None
    live_at: datetime | None
    ended_at: datetime | None
    approved_to_live_ms: float | None
    problem: str

    @classmethod
    def of(cls, release: Release) -> ReleaseBody:
        return cls(**{name: getattr(release, name) for name in ReleaseBody.model_fields})


class ReleaseDetailBody(ReleaseBody):
    """`evidence` is what the signature names, or, before a decision, what it would name now; its `diff` is against
    the version that answers. `statement` is a DSSE envelope, null before approval."""

    evidence: dict[str, Any]
    evidence_digest: str
    diff: dict[str, Any] | None
    statement: dict[str, Any] | None

    @classmethod
    def of_all(cls, release: Release, evidence: dict[str, Any]) -> ReleaseDetailBody:
        return cls(
            **ReleaseBody.of(release).model_dump(),
            evidence=evidence,
            evidence_digest=release.evidence_digest or evidence_digest(evidence),
            diff=evidence.get("diff"),
            statement=release.statement,
        )


class ReleasePageBody(BaseModel):
    items: list[ReleaseBody]
    next: str | None
