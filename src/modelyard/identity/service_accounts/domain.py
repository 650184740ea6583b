"""What a service account is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Belongs to one project for ever; its name is unique there."""

    id: str
    project_id: str
    name: str
    description: str
    created_at: datetime
    created_by: str
    disabled_at: datetime | None = None
