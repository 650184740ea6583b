"""Bodies of artifacts."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from modelyard.registry.artifacts.domain import MISSING_DIGESTS_MAX


class DigestsBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    digests: list[str] = Field(max_length=MISSING_DIGESTS_MAX, examples=[["sha256:" + "0" * 64]])


class MissingBody(BaseModel):
    missing: list[str]


class ArtifactBody(BaseModel):
    digest: str
    size_bytes: int
