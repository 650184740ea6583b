"""A node, as it last said of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

# A node reports after every change and at least every ten seconds.
SILENT_AFTER = timedelta(seconds=35)
STATUS_BYTES_MAX = 32 * 1024 * 1024

NodeState = Literal["ready", "behind", "stale", "silent"]


@dataclass(frozen=True, slots=True)
class NodeReport:
    """`number` is the desired state that it applies; `replicas` are `contracts.node_status.ReplicaStatus` as JSON."""

    node_id: str
    name: str
    at: datetime
    number: int
    tier: int
    stale: bool
    host: dict[str, Any]
    envoy: dict[str, Any]
    replicas: list[dict[str, Any]]


def node_state(report: NodeReport, newest_number: int, now: datetime) -> NodeState:
    """What to make of it now."""
    if now - report.at > SILENT_AFTER:
        return "silent"
    if report.stale:
        return "stale"
    return "ready" if report.number >= newest_number else "behind"
