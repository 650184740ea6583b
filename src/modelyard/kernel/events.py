"""What happened, as a fact that the audit trail stores in the change's own transaction.

An action reads `<area>.<resource>.<past participle>`, such as `deployment.release.approved`. Append only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["success", "denied", "failure"]


@dataclass(frozen=True, slots=True)
class Event:
    """`target` names the thing (`release:3`, `endpoint:demo/tumour`), `target_id` its id; `why` is the person's own
    reason; `details` holds small JSON values, never payloads or secrets."""

    action: str
    target: str
    target_id: str = ""
    project_id: str = ""
    project: str = ""
    why: str = ""
    outcome: Outcome = "success"
    details: dict[str, Any] = field(default_factory=dict)
