"""Asking nodes: whichever of those that spoke lately knows the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from modelyard.deployment.replicas.errors import NoNodeToAsk
from modelyard.deployment.replicas.service import NodeReportService
from modelyard.infra.db import Database


class Queries(Protocol):
    """Implemented by `builds.cells.queries.NodeQueries`."""

    def ask(self, kind: str, params: dict[str, Any], *, node_id: str, timeout_s: float = 3.0) -> dict[str, Any]: ...


class NodeAsker:
    """Never to be called inside a transaction: it waits for other machines."""

    def __init__(self, database: Database, nodes: NodeReportService, queries: Queries) -> None:
        self._database = database
        self._nodes = nodes
        self._queries = queries

    def ask(self, kind: str, params: dict[str, Any], knows: Callable[[dict[str, Any]], bool] = bool) -> dict[str, Any]:
        """The first answer that `knows` accepts, else the last one. Raises NoNodeToAsk, NodeSilent."""
        with self._database.reading() as uow:
            node_ids = self._nodes.list_speaking(uow)
        if not node_ids:
            raise NoNodeToAsk(question=kind)
        answer: dict[str, Any] = {}
        for node_id in node_ids:
            answer = self._queries.ask(kind, params, node_id=node_id)
            if knows(answer):
                break
        return answer
