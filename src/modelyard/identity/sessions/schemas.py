"""Bodies of sessions."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from modelyard.identity.sessions.service import Login, Whoami
from modelyard.identity.users.schemas import UserBody
from modelyard.kernel.clock import to_rfc3339


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user: str = Field(max_length=200)
    password: SecretStr = Field(max_length=1000)


class PasswordChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    old: SecretStr = Field(max_length=1000)
    new: SecretStr = Field(max_length=1000)


class SessionBody(BaseModel):
    """`user.must_change_password` true: nothing else is allowed before POST /me/password."""

    token: str
    expires_at: str
    user: UserBody

    @classmethod
    def of(cls, login: Login) -> SessionBody:
        return cls(token=login.text, expires_at=to_rfc3339(login.token.expires_at), user=UserBody.of(login.user))


class ProjectRole(BaseModel):
    name: str
    role: str


class Me(BaseModel):
    id: str
    kind: str
    name: str
    is_administrator: bool
    is_auditor: bool
    must_change_password: bool
    projects: list[ProjectRole]

    @classmethod
    def of(cls, me: Whoami) -> Me:
        return cls(
            id=me.principal.id,
            kind=me.principal.kind,
            name=me.principal.name,
            is_administrator=me.principal.is_administrator,
            is_auditor=me.principal.is_auditor,
            must_change_password=me.must_change_password,
            projects=[ProjectRole(name=name, role=role.value) for name, role in me.roles],
        )
