"""A small JSON client for the one server that the control plane may call: the gateway of its own installation."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import httpx

from modelyard.kernel.errors import ErrorKind, PlatformError

TIMEOUT_S = 30.0


class GatewayUnreachable(PlatformError):
    kind = ErrorKind.UNAVAILABLE
    code = "gateway.unreachable"
    message = "The gateway at {url} did not answer: {reason}."
    hint = "See `modelyard doctor`: is Envoy running?"


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """`body` is JSON, or text where the answer was none. Header names are lower case."""

    status: int
    body: Any
    headers: dict[str, str]
    total_ms: float


class JsonClient:
    """`verify` False only where the address is this machine's own loopback; a path names a bundle of authorities."""

    def __init__(self, base_url: str, *, verify: bool | str = True) -> None:
        self._base_url = base_url.rstrip("/")
        # The installation's own address needs no proxy, whatever the environment says.
        self._client = httpx.Client(verify=verify, timeout=TIMEOUT_S, trust_env=False)

    def post(self, path: str, body: Any, token: str) -> JsonAnswer:
        """Any status is an answer. Raises GatewayUnreachable."""
        started = time.perf_counter()
        try:
            answer = self._client.post(self._base_url + path, json=body, headers={"authorization": f"Bearer {token}"})
        except httpx.HTTPError as cause:
            raise GatewayUnreachable(url=self._base_url, reason=str(cause) or type(cause).__name__) from cause
        try:
            value = answer.json()
        except ValueError:
            value = answer.text
        return JsonAnswer(answer.status_code, value, dict(answer.headers), (time.perf_counter() - started) * 1000)

    def close(self) -> None:
        self._client.close()
