"""Bodies of users."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from modelyard.identity.users.domain import User
from modelyard.kernel.clock import to_rfc3339


class NewUserBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200, examples=["author"])
    display_name: str = Field("", max_length=400)
    password: SecretStr | None = Field(None, max_length=1000, description="Absent: one is generated and shown once.")
    is_administrator: bool = False
    is_auditor: bool = False


class ResetPassword(BaseModel):
    model_config = ConfigDict(extra="forbid")

    password: SecretStr | None = Field(None, max_length=1000, description="Absent: one is generated and shown once.")


class FirstStart(BaseModel):
    model_config = ConfigDict(extra="forbid")

    password: SecretStr | None = Field(None, max_length=1000, description="Absent: one is generated and shown once.")


class UserBody(BaseModel):
    id: str
    name: str
    display_name: str
    is_administrator: bool
    is_auditor: bool
    must_change_password: bool
    disabled: bool
    created_at: str
    created_by: str

    @classmethod
    def of(cls, user: User) -> UserBody:
        return cls(
            id=user.id,
            name=user.name,
            display_name=user.display_name,
            is_administrator=user.is_administrator,
            is_auditor=user.is_auditor,
            must_change_password=user.password_is_one_time,
            disabled=user.disabled_at is not None,
            created_at=to_rfc3339(user.created_at),
            created_by=user.created_by,
        )


class UserWithPasswordBody(UserBody):
    """`one_time_password` is set when it was generated, in this answer and in no other."""

    one_time_password: str | None


class FirstStartBody(BaseModel):
    """`created` is false, and the rest null, when the installation has users already."""

    created: bool
    user: str | None
    one_time_password: str | None


class UserList(BaseModel):
    items: list[UserBody]
    next: str | None
