"""What a pairing is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from modelyard.infra.db.database import UnitOfWork

PURPOSE_CHARS_MAX = 300


class NamedEndpoint(Protocol):
    """As much of an endpoint as a pairing needs."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


class EndpointDirectory(Protocol):
    """Which endpoints there are. Deployment knows; `server/wiring.py` passes it in."""

    def find_endpoint(self, uow: UnitOfWork, project_id: str, name: str) -> NamedEndpoint | None: ...


@dataclass(frozen=True, slots=True)
class Pairing:
    """Leave for one service account to call one endpoint for one purpose. A denied one is kept, for the record.
    `requests_per_s` 0: no bound of its own."""

    id: str
    project_id: str
    caller_id: str
    caller: str
    endpoint_id: str
    endpoint: str
    purpose: str
    requests_per_s: int
    created_at: datetime
    created_by: str
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """`caller_created`: the service account did not exist before."""

    pairing: Pairing
    caller_created: bool
