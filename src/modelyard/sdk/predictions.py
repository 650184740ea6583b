"""Calling an endpoint or, as a project member, a version that nobody approved yet."""

from __future__ import annotations

import time
from typing import Any

from modelyard.sdk.errors import NotFound, Unauthenticated, Unavailable
from modelyard.sdk.results import Prediction, result
from modelyard.sdk.transport import Transport

PREVIEW_WAIT_S = 20.0
TOKEN_RENEWED_BEFORE_S = 30.0
TOKEN_LIFE_S = 300.0


class Predictions:
    """Rows in, rows out. Calls are made with a prediction token of five minutes, renewed as needed: a session's own
    token never travels to a model's address."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._tokens: dict[str, tuple[str, float]] = {}
        self._previews: dict[tuple[str, str, str], str] = {}

    def predict(self, project: str, endpoint: str, rows: list[dict[str, Any]]) -> Prediction:
        """From the endpoint. Raises NotFound both for no such endpoint and for no leave to call it."""
        return self._ask(f"/v2/models/{project}.{endpoint}/predict", rows, self.token(project))

    def ask(self, project: str, endpoint: str, rows: list[dict[str, Any]], *, token: str) -> Prediction:
        """From the endpoint, with an API token, as a service account does."""
        return self._ask(f"/v2/models/{project}.{endpoint}/predict", rows, token)

    def preview(self, project: str, model: str, version: str, rows: list[dict[str, Any]]) -> Prediction:
        """From a built version, approved or not; opens its preview first, and waits for its first answer."""
        key = (project, model, version)
        path = self._previews.get(key)
        if path is None:
            path = self.open_preview(project, model, version)
        ends = time.monotonic() + PREVIEW_WAIT_S
        while True:
            try:
                answer = self._ask(f"{path}/predict", rows, self.token(project))
            except (NotFound, Unavailable, Unauthenticated):
                # The node hears of a new preview a moment after us; an old one may have expired.
                if key in self._previews:
                    del self._previews[key]
                    path = self.open_preview(project, model, version)
                elif time.monotonic() > ends:
                    raise
                time.sleep(0.05)
                continue
            self._previews[key] = path
            return answer

    def open_preview(self, project: str, model: str, version: str) -> str:
        """The preview's path, below which `/predict` and `/infer` answer to members of the project."""
        path = f"/api/v1/projects/{project}/models/{model}/versions/{version}/preview"
        return str(self._transport.json("POST", path)["path"]).rstrip("/")

    def token(self, project: str) -> str:
        """A prediction token for the project, good for at least half a minute more."""
        known, until = self._tokens.get(project, ("", 0.0))
        if time.monotonic() < until - TOKEN_RENEWED_BEFORE_S:
            return known
        made = self._transport.json("POST", "/api/v1/prediction-tokens", body={"project": project})
        self._tokens[project] = (str(made["token"]), time.monotonic() + TOKEN_LIFE_S)
        return str(made["token"])

    def _ask(self, path: str, rows: list[dict[str, Any]], token: str) -> Prediction:
        answer = self._transport.request("POST", path, body={"rows": rows}, token=token)
        document = answer.json()
        found = result(Prediction, document)
        return Prediction(
            rows=document.get("predictions", []),
            version=found.version or answer.headers.get("x-modelyard-version", ""),
            id=str(document.get("prediction_id") or "pr_" + answer.headers.get("x-request-id", "")),
            document=document,
        )
