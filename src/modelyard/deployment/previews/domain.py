"""Leave to call a built version that nobody approved yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from modelyard.kernel.errors import Invalid

MINUTES_DEFAULT = 60
MINUTES_MAX = 24 * 60


@dataclass(frozen=True, slots=True)
class Preview:
    """For its asker alone, until `expires_at`; `statement` is the signed envelope as JSON."""

    id: str
    project_id: str
    project: str
    model: str
    version: str
    version_id: str
    version_digest: str
    principal_id: str
    principal_name: str
    issued_at: datetime
    expires_at: datetime
    statement: dict[str, Any]

    @property
    def path(self) -> str:
        """Where its asker calls it."""
        return f"/preview/v2/models/{self.project}.{self.model}/versions/{self.version}"


def life_of(minutes: int) -> timedelta:
    """Raises Invalid for a longer leave than a node would take."""
    if not 1 <= minutes <= MINUTES_MAX:
        raise Invalid(field="minutes", got=minutes, expected=f"1 to {MINUTES_MAX}")
    return timedelta(minutes=minutes)
