"""Bodies of projects."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from modelyard.identity.projects.domain import Project
from modelyard.kernel.clock import to_rfc3339


class NewProject(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200, examples=["demo"])
    description: str = Field("", max_length=2000)


class ProjectBody(BaseModel):
    id: str
    name: str
    description: str
    created_at: str
    created_by: str

    @classmethod
    def of(cls, project: Project) -> ProjectBody:
        return cls(
            id=project.id,
            name=project.name,
            description=project.description,
            created_at=to_rfc3339(project.created_at),
            created_by=project.created_by,
        )


class ProjectList(BaseModel):
    items: list[ProjectBody]
    next: str | None
