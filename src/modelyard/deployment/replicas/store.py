"""SQL of what nodes say of themselves."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from modelyard.deployment.replicas.domain import NodeReport
from modelyard.deployment.replicas.tables import node_reports
from modelyard.infra.db import UnitOfWork
from modelyard.infra.db.pages import read_page
from modelyard.kernel.paging import Page, PageRequest


class NodeReportStore:  # lint-skip: project-scope nodes belong to the installation
    """The latest report of each node."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection

    def replace(self, report: NodeReport) -> None:
        self._connection.execute(node_reports.delete().where(node_reports.c.node_id == report.node_id))
        self._connection.execute(node_reports.insert().values(**asdict(report)))

    def list_reports(self, page: PageRequest) -> Page[NodeReport]:
        """By name."""
        keys = [node_reports.c.name, node_reports.c.node_id]
        return read_page(self._connection, sa.select(node_reports), keys, page, _report)

    def all_reports(self) -> list[NodeReport]:
        query = sa.select(node_reports).order_by(node_reports.c.at.desc())
        return [_report(row) for row in self._connection.execute(query)]


def _report(row: Any) -> NodeReport:
    return NodeReport(**row._mapping)
