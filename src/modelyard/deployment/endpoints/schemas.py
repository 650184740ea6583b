"""Bodies of the endpoint routes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from modelyard.deployment.endpoints.domain import (
    BODY_BYTES_DEFAULT,
    BODY_BYTES_MAX,
    REQUESTS_PER_S_MAX,
    TIMEOUT_S_MAX,
    Endpoint,
    Limits,
    Report,
)
from modelyard.deployment.endpoints.snippets import Snippet

TRY_ROWS_MAX = 1000


class LimitsBody(BaseModel):
    """`requests_per_s` 0: none. `timeout_s` null: as the live version's manifest says."""

    model_config = ConfigDict(extra="forbid")

    requests_per_s: int = Field(default=0, ge=0, le=REQUESTS_PER_S_MAX)
    timeout_s: float | None = Field(default=None, ge=0.001, le=TIMEOUT_S_MAX)
    body_bytes_max: int = Field(default=BODY_BYTES_DEFAULT, ge=1024, le=BODY_BYTES_MAX)

    def limits(self) -> Limits:
        return Limits(self.requests_per_s, self.timeout_s, self.body_bytes_max)


class NewEndpoint(LimitsBody):
    name: str = Field(max_length=200, examples=["mine"])


class LiveBody(BaseModel):
    """What answers, as the node says."""

    release_id: str
    release_number: int
    model: str
    version: str
    version_id: str
    since: datetime


class EndpointBody(BaseModel):
    """`phase` is what the node says: empty, preparing, live, failed or stopped; `problem` why it is not well."""

    id: str
    project: str
    name: str
    path: str
    phase: str
    problem: str
    stopped: bool
    live: LiveBody | None
    swapping: bool
    limits: LimitsBody
    revision: int
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, endpoint: Endpoint, report: Report | None) -> EndpointBody:
        limits = endpoint.limits
        return cls(
            id=endpoint.id,
            project=endpoint.project,
            name=endpoint.name,
            path=endpoint.path,
            phase=_phase(endpoint, report),
            problem=report.problem if report else "",
            stopped=endpoint.stopped,
            live=_live(endpoint),
            swapping=endpoint.is_swapping,
            limits=LimitsBody(
                requests_per_s=limits.requests_per_s, timeout_s=limits.timeout_s, body_bytes_max=limits.body_bytes_max
            ),
            revision=endpoint.revision,
            created_at=endpoint.created_at,
            created_by=endpoint.created_by,
        )


class EndpointPageBody(BaseModel):
    items: list[EndpointBody]
    next: str | None


class SnippetBody(BaseModel):
    language: str
    label: str
    source: str

    @classmethod
    def of(cls, snippet: Snippet) -> SnippetBody:
        return cls(language=snippet.language, label=snippet.label, source=snippet.source)


class SnippetsBody(BaseModel):
    items: list[SnippetBody]
    rows: list[dict[str, Any]]


class StopBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    why: str = Field(default="", max_length=2000)


class TryBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rows: list[dict[str, Any]] = Field(min_length=1, max_length=TRY_ROWS_MAX)


class TryAnswerBody(BaseModel):
    """What came back through the gateway: `body` is the endpoint's own answer or error."""

    status: int
    body: Any
    prediction_id: str
    total_ms: float


class LogsBody(BaseModel):
    lines: list[str]


def _phase(endpoint: Endpoint, report: Report | None) -> str:
    if endpoint.stopped:
        return "stopped"
    if report is None:
        return "preparing" if endpoint.target_release_id else "empty"
    return report.phase


def _live(endpoint: Endpoint) -> LiveBody | None:
    if endpoint.live_release_id is None or endpoint.live_version_id is None or endpoint.live_at is None:
        return None
    return LiveBody(
        release_id=endpoint.live_release_id,
        release_number=endpoint.live_release_number or 0,
        model=endpoint.live_model,
        version=endpoint.live_version,
        version_id=endpoint.live_version_id,
        since=endpoint.live_at,
    )
