"""Small questions to a node, asked and answered in memory: worth nothing after a restart."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from modelyard.builds.cells.errors import NodeSilent
from modelyard.infra.http.waiting import Bell
from modelyard.kernel.ids import new_id

ANSWER_BYTES_MAX = 2 * 1024 * 1024
WAITING_MAX = 1000


@dataclass(slots=True)
class _Query:
    id: str
    kind: str
    params: dict[str, Any]
    node_id: str
    answered: threading.Event = field(default_factory=threading.Event)
    answer: dict[str, Any] | None = None


class NodeQueries:
    """Kinds: `access_record` {prediction_id} -> {record|null}; `replica_log` {version_id, tail} -> {lines};
    `host` {} -> {host}."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._lock = threading.Lock()
        self._waiting: dict[str, _Query] = {}
        self._undelivered: list[_Query] = []

    def ask(self, kind: str, params: dict[str, Any], *, node_id: str, timeout_s: float = 3.0) -> dict[str, Any]:
        """Blocks until the node answers. Raises NodeSilent."""
        query = _Query(new_id("rq"), kind, params, node_id)
        with self._lock:
            if len(self._waiting) >= WAITING_MAX:
                raise NodeSilent(question=kind, timeout_s=0.0)
            self._waiting[query.id] = query
            self._undelivered.append(query)
        self._bell.ring()
        try:
            query.answered.wait(timeout_s)
        finally:
            with self._lock:
                self._waiting.pop(query.id, None)
                self._undelivered = [one for one in self._undelivered if one is not query]
        if query.answer is None:
            raise NodeSilent(question=kind, timeout_s=timeout_s)
        return query.answer

    def take(self, node_id: str) -> list[dict[str, Any]]:
        """Those that the node has not been told yet."""
        with self._lock:
            mine = [query for query in self._undelivered if query.node_id == node_id]
            self._undelivered = [query for query in self._undelivered if query.node_id != node_id]
        return [{"id": query.id, "kind": query.kind, "params": query.params} for query in mine]

    def answer(self, node_id: str, query_id: str, answer: dict[str, Any]) -> None:
        """Nobody waits any more for an answer that came too late."""
        with self._lock:
            query = self._waiting.get(query_id)
        if query is not None and query.node_id == node_id:
            query.answer = answer
            query.answered.set()
