"""Bodies of the node routes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from modelyard.deployment.replicas.domain import NodeReport, node_state


class NodeBody(BaseModel):
    """`state`: ready, behind (applies an older desired state), stale (its lease ran out) or silent."""

    id: str
    name: str
    state: str
    at: datetime
    number: int
    newest_number: int
    tier: int
    host: dict[str, Any]
    envoy: dict[str, Any]
    replicas: list[dict[str, Any]]

    @classmethod
    def of(cls, report: NodeReport, newest_number: int, now: datetime) -> NodeBody:
        return cls(
            id=report.node_id,
            name=report.name,
            state=node_state(report, newest_number, now),
            at=report.at,
            number=report.number,
            newest_number=newest_number,
            tier=report.tier,
            host=report.host,
            envoy=report.envoy,
            replicas=report.replicas,
        )


class NodePageBody(BaseModel):
    items: list[NodeBody]
    next: str | None
