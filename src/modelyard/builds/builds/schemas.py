"""Bodies of builds."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from modelyard.builds.builds.domain import Build, BuildEvent, Source
from modelyard.builds.builds.service import BuildView
from modelyard.builds.sources.domain import FILES_MAX, SourceFile
from modelyard.infra.db.storable import storable
from modelyard.kernel.clock import to_rfc3339

CLIENT_CHARS_MAX = 200_000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileEntryBody(_Strict):
    path: str = Field(max_length=500, examples=["model.skops"])
    digest: str = Field(max_length=80)
    size_bytes: int = Field(ge=0, le=1 << 53)


class GitStateBody(_Strict):
    """The state of the folder that was pushed, as the client saw it."""

    commit: str = Field("", max_length=64)
    dirty: bool = False
    diff_digest: str = Field("", max_length=80)
    remote: str = Field("", max_length=500)


class UploadSource(_Strict):
    kind: Literal["upload"]
    manifest: str = Field(max_length=256 * 1024, description="The text of modelyard.toml.")
    files: list[FileEntryBody] = Field(max_length=FILES_MAX, description="All files of the push, uploaded before.")
    git: GitStateBody | None = None
    client: dict[str, Any] = Field(
        default_factory=dict,
        description="Small facts about the client: name, version, python; `data` with digest and profile of training "
        "and evaluation data that stayed at home; `author_modules`, local modules that exist beside the model.",
    )

    @field_validator("client")
    @classmethod
    def _is_small(cls, value: dict[str, Any]) -> dict[str, Any]:
        if len(json.dumps(value, allow_nan=False)) > CLIENT_CHARS_MAX:
            raise ValueError(f"more than {CLIENT_CHARS_MAX} characters")
        return value

    def to_source(self, relock: bool) -> Source:
        files = tuple(SourceFile(file.path, file.digest, file.size_bytes) for file in self.files)
        git = storable(self.git.model_dump()) if self.git else None
        return Source("upload", storable(self.manifest), files, git, storable(self.client), relock)


class GitSourceBody(_Strict):
    kind: Literal["git"]
    url: str = Field(max_length=500, examples=["https://example.org/team/model.git"])
    commit: str = Field(max_length=64, description="The full id of a commit.")
    directory: str = Field("", max_length=500, description="The folder with modelyard.toml.")

    def to_source(self, relock: bool) -> Source:
        git = {"url": self.url, "remote": self.url, "commit": self.commit, "directory": self.directory, "dirty": False}
        return Source("git", git=storable(git), relock=relock)


class NewBuild(_Strict):
    source: Annotated[UploadSource | GitSourceBody, Field(discriminator="kind")]
    relock: bool = Field(False, description="Lock the dependencies anew, even if the same were locked before.")


class StepBody(BaseModel):
    name: str
    state: str
    started_at: str | None
    ended_at: str | None
    seconds: float | None
    detail: str


class BuildSummaryBody(BaseModel):
    number: int
    id: str
    project: str
    model: str
    state: str
    attempt: int
    source: str
    git: dict[str, Any] | None
    created_at: str
    created_by: str
    started_at: str | None
    ended_at: str | None
    version: str
    digest: str
    unchanged: bool
    error: dict[str, Any] | None

    @classmethod
    def of(cls, build: Build, project: str) -> BuildSummaryBody:
        return cls(**_fields(build, project))


class BuildBody(BuildSummaryBody):
    steps: list[StepBody]

    @classmethod
    def of_view(cls, view: BuildView) -> BuildBody:
        steps = [
            StepBody(
                name=step.name,
                state=step.state,
                started_at=to_rfc3339(step.started_at) if step.started_at else None,
                ended_at=to_rfc3339(step.ended_at) if step.ended_at else None,
                seconds=step.seconds,
                detail=step.detail,
            )
            for step in view.steps
        ]
        return cls(**_fields(view.build, view.project), steps=steps)


class BuildList(BaseModel):
    items: list[BuildSummaryBody]
    next: str | None


class EventBody(BaseModel):
    seq: int
    event: str
    data: dict[str, Any]
    at: str

    @classmethod
    def of(cls, event: BuildEvent) -> EventBody:
        return cls(seq=event.seq, event=event.kind, data=event.data, at=to_rfc3339(event.at))


class EventList(BaseModel):
    items: list[EventBody]
    ended: bool


def _fields(build: Build, project: str) -> dict[str, Any]:
    return {
        "number": build.number,
        "id": build.id,
        "project": project,
        "model": build.model,
        "state": build.state,
        "attempt": build.attempt,
        "source": build.source.kind,
        "git": build.source.git,
        "created_at": to_rfc3339(build.created_at),
        "created_by": build.created_by,
        "started_at": to_rfc3339(build.started_at) if build.started_at else None,
        "ended_at": to_rfc3339(build.ended_at) if build.ended_at else None,
        "version": build.version,
        "digest": build.digest,
        "unchanged": build.unchanged,
        "error": build.error,
    }
