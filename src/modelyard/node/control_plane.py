"""The node's only conversation: HTTP over the control plane's Unix socket, each request with a fresh short token."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from modelyard.contracts.canonical import DIGEST_PREFIX, is_digest
from modelyard.contracts.cell_job import CellJobResult
from modelyard.contracts.node_status import NodeStatus
from modelyard.infra.crypto.ed25519 import SigningKey
from modelyard.infra.crypto.jwt import Claims, encode_jwt
from modelyard.kernel.errors import ErrorKind, PlatformError
from modelyard.kernel.ids import new_id

AUDIENCE = "modelyard-control"
TOKEN_KIND = "node"  # noqa: S105  a kind of token, not one
TOKEN_LIFE_S = 60
ANSWER_BYTES_MAX = 64 * 1024 * 1024
# 401 may be a clock that is being set or a node that is being enrolled; 425 and 429 say to come again.
_PASSING = (401, 408, 425, 429)
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)


class ControlPlaneUnavailable(PlatformError):
    """It does not answer; running models are not touched by that."""

    kind = ErrorKind.UNAVAILABLE
    code = "node.control_plane_unavailable"
    message = "The control plane does not answer: {reason}."
    hint = "The node goes on with its last desired state and asks again."


class ControlPlaneRefused(PlatformError):
    """It answered, and sending the same again would get the same answer."""

    kind = ErrorKind.INVALID
    code = "node.control_plane_refused"
    message = "The control plane refused {what} with {status}: {text}"
    hint = "Node and control plane may be of different releases; upgrade both."


class BlobInvalid(PlatformError):
    """The bytes that came are not those that were signed."""

    kind = ErrorKind.DENIED
    code = "node.blob_invalid"
    message = "File {digest}: {reason}."
    hint = "The control plane's blob store is damaged or was tampered with; push the version again."


class ControlPlane:
    """One client; safe for many tasks at once."""

    def __init__(self, socket_path: Path, node_id: str, key: SigningKey) -> None:
        self._node_id = node_id
        self._key = key
        # Tells the control plane that jobs given to an earlier process of this node are lost.
        self._boot = new_id("rq")
        limits = httpx.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=20.0)
        transport = httpx.AsyncHTTPTransport(uds=str(socket_path), limits=limits)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://control", timeout=_TIMEOUT)

    async def close(self) -> None:
        await self._client.aclose()

    def _headers(self) -> dict[str, str]:
        now = int(time.time())
        claims = Claims(self._node_id, AUDIENCE, self._node_id, new_id("tk"), TOKEN_KIND, now, now + TOKEN_LIFE_S)
        return {"authorization": f"Bearer {encode_jwt(claims, self._key)}"}

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Raises ControlPlaneRefused for a refusal that will stay, ControlPlaneUnavailable for any other failure."""
        try:
            answer = await self._client.request(method, path, headers=self._headers(), **options)
        except httpx.HTTPError as problem:
            raise ControlPlaneUnavailable(reason=repr(problem)) from problem
        if answer.is_client_error and answer.status_code not in _PASSING:
            raise ControlPlaneRefused(what=f"{method} {path}", status=answer.status_code, text=answer.text[:500])
        if not answer.is_success:
            raise ControlPlaneUnavailable(reason=f"{method} {path} got {answer.status_code} {answer.text[:500]}")
        return answer

    async def wait_desired_state(self, after: int, wait_s: float) -> Any | None:
        """The envelope as JSON once its number is above `after`; None when the wait ended first."""
        params = {"after": after, "wait_s": wait_s}
        answer = await self._ask("GET", "/node/v1/desired-state", params=params, timeout=_patient(wait_s))
        return None if answer.status_code == 204 else _json(answer)

    async def wait_orders(self, wait_s: float) -> dict[str, Any]:
        """`{"jobs": [envelopes], "queries": [{id, kind, params}]}`, perhaps empty."""
        params = {"wait_s": wait_s, "boot": self._boot}
        answer = await self._ask("GET", "/node/v1/orders", params=params, timeout=_patient(wait_s))
        orders = {} if answer.status_code == 204 else _json(answer)
        return orders if isinstance(orders, dict) else {}

    async def post_log(self, job_id: str, lines: list[str]) -> None:
        await self._ask("POST", f"/node/v1/jobs/{quote(job_id, safe='')}/log", json={"lines": lines})

    async def post_result(self, result: CellJobResult) -> None:
        await self._ask("POST", f"/node/v1/jobs/{quote(result.job_id, safe='')}/result", json=result.to_json())

    async def post_answer(self, query_id: str, answer: dict[str, Any]) -> None:
        await self._ask("POST", f"/node/v1/queries/{quote(query_id, safe='')}", json=answer)

    async def post_status(self, status: NodeStatus) -> None:
        await self._ask("POST", "/node/v1/status", json=status.to_json())

    async def fetch_blob(self, digest: str, target: Path, size_bytes: int | None = None) -> None:
        """Writes the blob to `target`, a new file. Raises BlobInvalid unless bytes and size are those of the digest
        (the file is removed then), ControlPlaneUnavailable when there is no answer."""
        if not is_digest(digest):
            raise BlobInvalid(digest=digest, reason="this is no digest")
        try:
            await self._stream_to(digest, target, size_bytes)
        except httpx.HTTPError as problem:
            target.unlink(missing_ok=True)
            raise ControlPlaneUnavailable(reason=repr(problem)) from problem
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    async def _stream_to(self, digest: str, target: Path, size_bytes: int | None) -> None:
        sha256, received = hashlib.sha256(), 0
        path = f"/node/v1/blobs/{digest}"
        async with self._client.stream("GET", path, headers=self._headers()) as answer:
            if answer.status_code == 404:
                raise BlobInvalid(digest=digest, reason="the control plane does not have it")
            if not answer.is_success:
                raise ControlPlaneUnavailable(reason=f"GET {path} got {answer.status_code}")
            with target.open("xb") as file:
                async for chunk in answer.aiter_bytes(1 << 20):
                    received += len(chunk)
                    if size_bytes is not None and received > size_bytes:
                        raise BlobInvalid(digest=digest, reason=f"more than the signed {size_bytes} bytes came")
                    sha256.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        if size_bytes is not None and received != size_bytes:
            raise BlobInvalid(digest=digest, reason=f"{received} bytes came, signed were {size_bytes}")
        if DIGEST_PREFIX + sha256.hexdigest() != digest:
            raise BlobInvalid(digest=digest, reason=f"its bytes have digest {DIGEST_PREFIX}{sha256.hexdigest()}")


def _patient(wait_s: float) -> httpx.Timeout:
    return httpx.Timeout(wait_s + 15.0, connect=5.0)


def _json(answer: httpx.Response) -> Any:
    if len(answer.content) > ANSWER_BYTES_MAX:
        raise ControlPlaneUnavailable(reason=f"an answer of {len(answer.content)} bytes")
    try:
        return json.loads(answer.content)
    except ValueError as problem:
        raise ControlPlaneUnavailable(reason=f"an answer that is no JSON: {problem}") from problem
