"""Calling an endpoint as oneself, and reading what its replicas print: both go out to the data plane, so neither runs
inside a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from modelyard.infra.http.json_client import JsonClient

LOG_LINES_MAX = 2000


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is JSON, or text where the answer was none."""

    status: int
    body: Any
    prediction_id: str
    total_ms: float


class Predictor(Protocol):
    def predict(self, path: str, rows: list[dict[str, Any]], token: str) -> Answer:
        """Of an endpoint or a preview, by its path, through the gateway as any caller. Raises GatewayUnreachable."""
        ...


class GatewayPredictor:
    """Asks the installation's own gateway."""

    def __init__(self, gateway: JsonClient) -> None:
        self._gateway = gateway

    def predict(self, path: str, rows: list[dict[str, Any]], token: str) -> Answer:
        answer = self._gateway.post(f"{path}/predict", {"rows": rows}, token)
        request_id = answer.headers.get("x-request-id", "")
        return Answer(answer.status, answer.body, f"pr_{request_id}" if request_id else "", round(answer.total_ms, 3))


class NodeQuestions(Protocol):
    def ask(self, kind: str, params: dict[str, Any]) -> dict[str, Any]:
        """The node's answer to a question such as `replica_log`. Raises when no node answers in time."""
        ...


def read_log(nodes: NodeQuestions, version_id: str, tail: int) -> list[str]:
    answer = nodes.ask("replica_log", {"version_id": version_id, "tail": min(tail, LOG_LINES_MAX)})
    lines = answer.get("lines", [])
    return [str(line) for line in lines] if isinstance(lines, list) else []
