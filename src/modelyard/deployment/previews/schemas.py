"""Bodies of the preview route."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from modelyard.deployment.previews.domain import MINUTES_DEFAULT, MINUTES_MAX


class NewPreview(BaseModel):
    model_config = ConfigDict(extra="forbid")

    minutes: int = Field(default=MINUTES_DEFAULT, ge=1, le=MINUTES_MAX)


class PreviewBody(BaseModel):
    """`path` takes `/predict`, `/infer`, `/ready` or nothing after it, with a token of the asker."""

    path: str
    expires_at: datetime
