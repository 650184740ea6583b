"""What a token is, and the pure rules about its life."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

TokenKind = Literal["session", "api", "prediction"]
PrincipalType = Literal["user", "service_account"]
AUDIENCE = "modelyard"
# The node asks its own endpoints whether they are live; the gateway lets this subject in there and nowhere else.
PROBE_SUBJECT = "probe"
WARN_DAYS = 14
PREDICTION_TOKEN_LIFE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a token speaks for."""

    kind: PrincipalType
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Token:
    """A row for every token issued, without the token: the same row and key sign the same text again. `project` is
    empty for sessions, which reach all projects of their user."""

    id: str
    kind: TokenKind
    principal_kind: PrincipalType
    principal_id: str
    principal_name: str
    project_id: str
    project: str
    name: str
    created_at: datetime
    expires_at: datetime
    created_by: str
    revoked_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


def days_left(token: Token, now: datetime) -> int:
    """Whole days until it expires, rounded up; 0 when it has."""
    return max(0, math.ceil((token.expires_at - now) / timedelta(days=1)))


def expiry_warning(token: Token, now: datetime) -> str | None:
    """What to tell people about a token's end, None when nothing. Prediction tokens and sessions end all the time."""
    if token.kind != "api" or token.revoked_at is not None:
        return None
    if now >= token.expires_at:
        return "It has expired."
    left = days_left(token, now)
    if left >= WARN_DAYS:
        return None
    days = "1 day" if left == 1 else f"{left} days"
    return f"It expires in {days}. Make the next one now; both work until then."
