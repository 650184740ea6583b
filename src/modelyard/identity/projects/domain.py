"""What a project is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

DESCRIPTION_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class Project:
    """The tenant. Its name is unique in the installation and never changes, because it is part of every URL."""

    id: str
    name: str
    description: str
    created_at: datetime
    created_by: str
