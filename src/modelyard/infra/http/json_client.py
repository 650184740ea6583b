"""A small JSON client for the one server that the control plane may call: the gateway of its own installation.

Of the standard library: importing a fuller client would take a tenth of the process's start. A connection a call, as
calls are rare, come from many threads, and go no farther than this machine.
"""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

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
    """Asks no proxy, whatever the environment says: the address is the installation's own. A certificate must be one
    that this machine trusts."""

    def __init__(self, base_url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s

    def post(self, path: str, body: Any, token: str) -> JsonAnswer:
        """Any status is an answer. Raises GatewayUnreachable."""
        started = time.perf_counter()
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        parts = urlsplit(self._base_url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        try:
            connection = kind(parts.hostname or "", parts.port, timeout=self._timeout_s)
            try:
                connection.request("POST", parts.path + path, json.dumps(body).encode(), headers)
                answer = connection.getresponse()
                content = answer.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as cause:
            raise GatewayUnreachable(url=self._base_url, reason=str(cause) or type(cause).__name__) from cause
        try:
            value = json.loads(content)
        except ValueError:
            value = content.decode(errors="replace")
        names = {name.lower(): given for name, given in answer.getheaders()}
        return JsonAnswer(answer.status, value, names, (time.perf_counter() - started) * 1000)
