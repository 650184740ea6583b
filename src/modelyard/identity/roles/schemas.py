"""Bodies of roles."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from modelyard.identity.roles.domain import Member
from modelyard.kernel.clock import to_rfc3339


class RoleBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: str = Field(max_length=40, description="viewer, developer, reviewer, operator or owner.")


class MemberBody(BaseModel):
    """`member` is what the path of PUT and DELETE takes: a user's name, or `service_account:NAME`."""

    member: str
    name: str
    kind: str
    role: str
    created_at: str
    created_by: str

    @classmethod
    def of(cls, member: Member) -> MemberBody:
        return cls(
            member=member.label,
            name=member.name,
            kind=member.principal_kind,
            role=member.role.value,
            created_at=to_rfc3339(member.created_at),
            created_by=member.created_by,
        )


class MemberList(BaseModel):
    items: list[MemberBody]
    next: str | None
