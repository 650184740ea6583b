"""What an enrolled node is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

AUDIENCE = "modelyard-control"
SPEAKER_KIND = "node"
SPEAKER_LIFE_MAX = timedelta(seconds=60)
LOCAL_NODE_NAME = "local"


@dataclass(frozen=True, slots=True)
class EnrolledNode:
    """`public_key` is raw Ed25519; `key_id` is derived from it and unique."""

    id: str
    name: str
    public_key: bytes
    key_id: str
    enrolled_at: datetime
    revoked_at: datetime | None = None
