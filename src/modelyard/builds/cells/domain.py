"""A cell job as the control plane keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from modelyard.contracts.canonical import digest_of
from modelyard.contracts.cell_job import CellJobKind

OrderState = Literal["queued", "issued", "done", "failed", "lost"]
OPEN: tuple[OrderState, ...] = ("queued", "issued")

# A node has this long beyond the job's own time to take it, run it and answer, before it counts as lost.
GRACE_S = 60.0
# A node that is away this long will not take the job; the build says so instead of waiting for ever.
QUEUE_S = 600.0
# An order whose receipt nobody confirmed (a cut connection) is sent again.
REPEAT_S = 10.0
ISSUES_MAX = 3


@dataclass(frozen=True, slots=True)
class Order:
    """One cell job. `subject_id` and `purpose` (a build and its step) with `inputs_digest` find it again after a
    crash; `blobs` are the files that the node may fetch while it is open; `boot` names the node's process that took
    it."""

    id: str
    project_id: str
    project: str
    subject_id: str
    purpose: str
    kind: CellJobKind
    node_id: str
    state: OrderState
    inputs: dict[str, Any]
    inputs_digest: str
    blobs: tuple[str, ...]
    timeout_s: float
    created_at: datetime
    issued_at: datetime | None = None
    boot: str = ""
    envelope: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None
    seconds: float = 0.0

    def is_overdue(self, now: datetime, up_since: datetime) -> bool:
        """Whether its node should have answered by now. Time before `up_since`, in which nobody was here to ask or
        tell, is not the node's."""
        since, limit_s = (self.issued_at, self.timeout_s + GRACE_S) if self.issued_at else (self.created_at, QUEUE_S)
        return (now - max(since, up_since)).total_seconds() > limit_s


@dataclass(frozen=True, slots=True)
class Ask:
    """What a build step wants of a cell."""

    project_id: str
    project: str
    subject_id: str
    purpose: str
    kind: CellJobKind
    inputs: dict[str, Any]
    blobs: tuple[str, ...]
    timeout_s: float

    @property
    def inputs_digest(self) -> str:
        return digest_of(self.inputs)
