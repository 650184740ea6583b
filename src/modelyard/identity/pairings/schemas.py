"""Bodies of pairings."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from modelyard.identity.pairings.domain import Pairing
from modelyard.kernel.clock import to_rfc3339


class NewPairing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    caller: str = Field(max_length=200, description="A service account; made now if there is none of that name.")
    endpoint: str = Field(max_length=200)
    purpose: str = Field(max_length=1000, description="Why they call; shown on the callers page and in the audit.")
    requests_per_s: int = Field(0, description="This caller's own bound; 0 is none.")


class PairingBody(BaseModel):
    """`token_expires_at`: the end of the caller's longest-lived valid token, null when it has none."""

    id: str
    caller: str
    endpoint: str
    purpose: str
    requests_per_s: int
    created_at: str
    created_by: str
    token_expires_at: str | None
    revoked_at: str | None

    @classmethod
    def of(cls, pairing: Pairing, token_expires_at: datetime | None = None) -> PairingBody:
        return cls(
            id=pairing.id,
            caller=pairing.caller,
            endpoint=pairing.endpoint,
            purpose=pairing.purpose,
            requests_per_s=pairing.requests_per_s,
            created_at=to_rfc3339(pairing.created_at),
            created_by=pairing.created_by,
            token_expires_at=to_rfc3339(token_expires_at) if token_expires_at else None,
            revoked_at=to_rfc3339(pairing.revoked_at) if pairing.revoked_at else None,
        )


class AllowedBody(PairingBody):
    """`created`: the service account was made by this call."""

    created: bool


class PairingList(BaseModel):
    items: list[PairingBody]
    next: str | None
