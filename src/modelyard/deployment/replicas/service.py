"""Use cases of nodes' reports."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from modelyard.contracts.node_status import EndpointStatus, NodeStatus
from modelyard.deployment.endpoints.domain import Report
from modelyard.deployment.endpoints.service import EndpointService
from modelyard.deployment.releases.service import ReleaseService
from modelyard.deployment.replicas.domain import SILENT_AFTER, NodeReport
from modelyard.deployment.replicas.errors import StatusMalformed
from modelyard.deployment.replicas.store import NodeReportStore
from modelyard.infra.db import UnitOfWork
from modelyard.kernel.access import Access, Principal
from modelyard.kernel.clock import Clock
from modelyard.kernel.paging import Page, PageRequest

PROBLEM_CHARS_MAX = 16 * 1024


class NodeReportService:
    def __init__(self, clock: Clock, endpoints: EndpointService, releases: ReleaseService) -> None:
        self._clock = clock
        self._endpoints = endpoints
        self._releases = releases

    def accept(self, uow: UnitOfWork, node: Principal, value: Any) -> None:
        """Keeps what a node says of itself, and lets releases go live or fail by it. A node speaks only for itself.

        Raises StatusMalformed.
        """
        status = _read(value)
        if status.node_id != node.id:
            raise StatusMalformed(reason=f"it is of node {status.node_id[:40]!r}, but {node.id!r} sent it")
        now = self._clock.now()
        replicas = [asdict(replica) for replica in status.replicas]
        report = NodeReport(
            node.id, node.name, now, status.number, status.tier, status.stale, status.host, status.envoy, replicas
        )
        self._releases.observe(uow, status.number, {endpoint.endpoint_id: endpoint for endpoint in status.endpoints})
        self._endpoints.note_reports(uow, node.id, [_endpoint(node.id, one, now) for one in status.endpoints])
        NodeReportStore(uow).replace(report)

    def list_nodes(self, uow: UnitOfWork, access: Access, page: PageRequest) -> Page[NodeReport]:
        """By name."""
        access.check_installation()
        return NodeReportStore(uow).list_reports(page)

    def list_speaking(self, uow: UnitOfWork, since: datetime | None = None) -> list[str]:
        """Ids of the nodes that spoke lately, and after `since`; the last to speak first. Checks nothing: it shows
        nobody anything."""
        earliest = max(self._clock.now() - SILENT_AFTER, since or datetime.min.replace(tzinfo=UTC))
        return [report.node_id for report in NodeReportStore(uow).all_reports() if report.at >= earliest]


def _read(value: Any) -> NodeStatus:
    if not isinstance(value, dict):
        raise StatusMalformed(reason=f"got {type(value).__name__}, expected an object")
    try:
        return NodeStatus.from_json(value)
    except ValueError as cause:
        raise StatusMalformed(reason=str(cause)) from cause


def _endpoint(node_id: str, status: EndpointStatus, now: datetime) -> Report:
    return Report(
        status.endpoint_id, node_id, status.phase, status.version_id, status.release_id, status.failed_release_id,
        status.live_at, status.problem[:PROBLEM_CHARS_MAX], now,
    )  # fmt: skip
