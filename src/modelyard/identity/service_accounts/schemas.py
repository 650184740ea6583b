"""Bodies of service accounts."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from modelyard.identity.service_accounts.domain import ServiceAccount
from modelyard.kernel.clock import to_rfc3339


class NewServiceAccount(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200, examples=["clinic-app"])
    description: str = Field("", max_length=500)


class ServiceAccountBody(BaseModel):
    id: str
    name: str
    description: str
    created_at: str
    created_by: str
    disabled: bool

    @classmethod
    def of(cls, account: ServiceAccount) -> ServiceAccountBody:
        return cls(
            id=account.id,
            name=account.name,
            description=account.description,
            created_at=to_rfc3339(account.created_at),
            created_by=account.created_by,
            disabled=account.disabled_at is not None,
        )


class ServiceAccountList(BaseModel):
    items: list[ServiceAccountBody]
    next: str | None
