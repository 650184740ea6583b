"""HTTP as every call uses it: who asks, errors, repeats, streams.

A call that changes something carries an Idempotency-Key, so that it can be repeated after a lost answer.
"""

from __future__ import annotations

import json
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from modelyard import __version__
from modelyard.sdk.errors import TimedOut, Unavailable, error_of

ATTEMPTS_MAX = 6
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 3.0
TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class Transport:
    """One address and one token. `http` is the seam: any httpx transport, such as one to an application in process.

    `socket_path` talks to an installation's administration socket instead of the address.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        agent: str = "sdk",
        http: httpx.BaseTransport | None = None,
        socket_path: Path | None = None,
        ca_file: str = "",
        attempts_max: int = ATTEMPTS_MAX,
    ) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self._attempts_max = attempts_max
        if http is None and socket_path is not None:
            http = httpx.HTTPTransport(uds=str(socket_path))
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca_file) if ca_file else True
        self._client = httpx.Client(
            base_url=self.url,
            transport=http,
            timeout=TIMEOUT,
            verify=verify,
            # A proxy between us and loopback or a socket would see the token for nothing.
            trust_env=socket_path is None and not _is_loopback(self.url),
            headers={"user-agent": f"modelyard-{agent}/{__version__}", "accept": "application/json"},
        )

    def close(self) -> None:
        self._client.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        timeout_s: float | None = None,
        accept: int = 0,
    ) -> httpx.Response:
        """The answer, if it is a good one or of the status `accept`. `content` may be bytes, or a callable that makes a
        fresh iterator.

        Raises the ModelyardError of the answer, Unavailable when nobody answers, TimedOut.
        """
        sent = self._headers(method, path, headers, token)
        query = {name: value for name, value in (params or {}).items() if value not in (None, "")}
        for attempt in range(self._attempts_max):
            last = attempt == self._attempts_max - 1
            try:
                answer = self._client.request(
                    method,
                    path,
                    json=body,
                    content=content() if callable(content) else content,
                    params=query or None,
                    headers=sent,
                    timeout=TIMEOUT if timeout_s is None else httpx.Timeout(timeout_s, connect=5.0),
                )
            except httpx.TimeoutException as cause:
                raise self._timed_out(method, path) from cause
            except httpx.TransportError as cause:
                if last:
                    raise self._nobody(cause) from cause
                time.sleep(backoff_s(attempt))
                continue
            if answer.is_success or answer.status_code == accept:
                return answer
            if answer.status_code == 503 and not last:
                time.sleep(backoff_s(attempt, answer.headers.get("retry-after", "")))
                continue
            raise error_of(answer.status_code, _body_of(answer), answer.headers.get("x-request-id", ""))
        raise AssertionError("the last attempt returns or raises")

    def json(self, method: str, path: str, **arguments: Any) -> Any:
        """The answer's JSON; None for an answer without a body."""
        answer = self.request(method, path, **arguments)
        return answer.json() if answer.content else None

    @contextmanager
    def stream(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """A call whose answer is read as it comes; quiet for up to a minute."""
        sent = self._headers(method, path, headers, None)
        try:
            with self._client.stream(method, path, headers=sent, timeout=httpx.Timeout(60.0, connect=5.0)) as answer:
                if not answer.is_success:
                    answer.read()
                    raise error_of(answer.status_code, _body_of(answer), answer.headers.get("x-request-id", ""))
                yield answer
        except httpx.TimeoutException as cause:
            raise self._timed_out(method, path) from cause
        except httpx.TransportError as cause:
            raise self._nobody(cause) from cause

    def events(self, path: str) -> Iterator[tuple[str, Any]]:
        """Server-sent events as (name, data), resumed where they broke off. Ends when the server closes the stream."""
        last_id, failures = "", 0
        while True:
            try:
                with self.stream(
                    path, headers={"accept": "text/event-stream", "last-event-id": last_id or "0"}
                ) as answer:
                    for seen, event, data in _frames(answer.iter_lines()):
                        last_id, failures = seen or last_id, 0
                        yield event, data
                return
            except (Unavailable, TimedOut):
                failures += 1
                if failures >= self._attempts_max:
                    raise
                time.sleep(backoff_s(failures))

    def _headers(self, method: str, path: str, headers: Mapping[str, str] | None, token: str | None) -> dict[str, str]:
        sent = dict(headers or {})
        used = self.token if token is None else token
        if used:
            sent["authorization"] = f"Bearer {used}"
        if method not in ("GET", "HEAD") and path.startswith("/api/"):
            sent.setdefault("idempotency-key", uuid.uuid4().hex)
        return sent

    def _nobody(self, cause: Exception) -> Unavailable:
        return Unavailable(
            f"Nobody answers at {self.url} ({_short(cause)}).",
            code="client.unreachable",
            hint="start it with `modelyard up`, or log in where it runs: modelyard login --url URL --user NAME",
        )

    def _timed_out(self, method: str, path: str) -> TimedOut:
        return TimedOut(
            f"{method} {path} got no answer from {self.url} in time.",
            code="client.timed_out",
            hint="look at `modelyard status`; repeating the command is safe",
        )


def backoff_s(attempt: int, retry_after: str = "") -> float:
    """0.1, 0.2, 0.4 … seconds, or what the server asks for, never more than three."""
    asked: float = float(retry_after) if retry_after.replace(".", "", 1).isdigit() else 0.0
    return min(max(float(BACKOFF_FIRST_S * 2**attempt), min(asked, 1.0)), BACKOFF_MAX_S)


def _frames(lines: Iterator[str]) -> Iterator[tuple[str, str, Any]]:
    """(id, event, data) of each event in the stream; comments are dropped."""
    seen, event, data = "", "message", ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "id":
            seen = value
        elif name == "event":
            event = value
        elif name == "data":
            data += value
        elif not line and data:
            yield seen, event, json.loads(data)
            seen, event, data = "", "message", ""


def _body_of(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text


def _is_loopback(url: str) -> bool:
    return httpx.URL(url).host in ("127.0.0.1", "localhost", "::1", "")


def _short(cause: Exception) -> str:
    return str(cause).splitlines()[0][:120] if str(cause) else type(cause).__name__
