"""What a membership is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from modelyard.kernel.access import Role

SERVICE_ACCOUNT_PREFIX = "service_account:"
# An application reads or pushes; it approves nothing, runs no endpoint and lets nobody in.
SERVICE_ACCOUNT_ROLES = frozenset({Role.VIEWER, Role.DEVELOPER})


@dataclass(frozen=True, slots=True)
class Member:
    """A user or service account with one role in one project. `label` is how people write it."""

    project_id: str
    principal_kind: Literal["user", "service_account"]
    principal_id: str
    name: str
    role: Role
    created_at: datetime
    created_by: str

    @property
    def label(self) -> str:
        return self.name if self.principal_kind == "user" else SERVICE_ACCOUNT_PREFIX + self.name
