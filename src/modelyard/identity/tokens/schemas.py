"""Bodies of tokens."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from modelyard.identity.tokens.domain import Token, days_left, expiry_warning
from modelyard.kernel.clock import to_rfc3339


class NewToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

    principal: str | None = Field(None, max_length=200, description="A service account's name; absent means me.")
    name: str = Field("", max_length=200, description="What it is for, to tell it from others.")
    days: int | None = Field(None, description="Days until it expires; 30 when absent.")


class TokenBody(BaseModel):
    """`days_left` is rounded up; `warning` is set when it expires within 14 days."""

    jti: str
    kind: str
    name: str
    principal: str
    principal_kind: str
    project: str
    created_at: str
    created_by: str
    expires_at: str
    days_left: int
    warning: str | None
    revoked_at: str | None

    @classmethod
    def of(cls, token: Token, now: datetime) -> TokenBody:
        return cls(
            jti=token.id,
            kind=token.kind,
            name=token.name,
            principal=token.principal_name,
            principal_kind=token.principal_kind,
            project=token.project,
            created_at=to_rfc3339(token.created_at),
            created_by=token.created_by,
            expires_at=to_rfc3339(token.expires_at),
            days_left=days_left(token, now),
            warning=expiry_warning(token, now),
            revoked_at=to_rfc3339(token.revoked_at) if token.revoked_at else None,
        )


class IssuedTokenBody(TokenBody):
    """`token` is shown in this answer and in no other."""

    token: str


class TokenList(BaseModel):
    items: list[TokenBody]
    next: str | None


class NewPredictionToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

    project: str = Field(max_length=200)


class PredictionTokenBody(BaseModel):
    token: str
    expires_at: str
