"""What a node says of itself: node -> control plane, after every change and at least every ten seconds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from modelyard.contracts.desired_state import EndpointPhase, ReplicaPhase


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """`problem` holds the traceback or refusal, at most 16 KiB; `restarts` counts crashes since the last good hour."""

    version_id: str
    phase: ReplicaPhase
    pid: int | None = None
    restarts: int = 0
    problem: str = ""
    started_ms: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """What Envoy really sends to now. `live_at` is the time of the version's first correct answer through Envoy."""

    endpoint_id: str
    phase: EndpointPhase
    version_id: str | None = None
    release_id: str | None = None
    live_at: str | None = None
    failed_release_id: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """`number` is the desired state that is applied; `tier` the containment measured (0 to 3)."""

    node_id: str
    number: int
    at: str
    tier: int
    host: dict[str, Any]
    envoy: dict[str, Any]
    replicas: tuple[ReplicaStatus, ...] = field(default_factory=tuple)
    endpoints: tuple[EndpointStatus, ...] = field(default_factory=tuple)
    stale: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Raises ValueError when a field is missing."""
        try:
            lists: dict[str, Any] = {
                "replicas": tuple(ReplicaStatus(**r) for r in value["replicas"]),
                "endpoints": tuple(EndpointStatus(**e) for e in value["endpoints"]),
            }
            return cls(**{**value, **lists})
        except (KeyError, TypeError) as cause:
            raise ValueError(f"node status is incomplete: {cause!r}") from cause
