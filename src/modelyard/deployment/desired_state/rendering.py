"""Desired state as bytes, put together of parts that are rendered once.

Nothing here signs a statement, nor could: there is no key. Release and preview statements are copied as they are, so a
database that was edited to serve something else yields a state whose statement does not cover it, and the node refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from modelyard.contracts.canonical import canonical_json
from modelyard.contracts.desired_state import (
    FORMAT,
    CallerState,
    EndpointState,
    PreviewState,
    RevokedToken,
    SplitState,
    VersionState,
)
from modelyard.deployment.endpoints.domain import Wanted
from modelyard.registry.models.domain import Version

TIMEOUT_S_DEFAULT = 2.0


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds the parts. Times are RFC 3339."""

    installation: str
    number: int
    issued_at: str
    expires_at: str
    token_keys: dict[str, Any]
    probe_token: str
    revoked: tuple[RevokedToken, ...]


class Parts:
    """Rendered parts by name, each with what it was made of. One that is not asked for in a rendering is forgotten
    after it."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[Any, bytes]] = {}
        self._now: dict[str, tuple[Any, bytes]] = {}

    def begin(self) -> None:
        self._before, self._now = self._now, {}

    def find(self, name: str, made_of: Any) -> bytes | None:
        """What was rendered under the name, if it was made of the same."""
        part = self._before.get(name)
        if part is None or part[0] != made_of:
            return None
        self._now[name] = part
        return part[1]

    def keep(self, name: str, made_of: Any, part: bytes) -> bytes:
        self._now[name] = (made_of, part)
        return part


def render_version(version: Version, project: str) -> bytes:
    state = VersionState(
        version.id, project, version.project_id, version.model, version.number, version.digest, version.document,
        version.facts.sample, version.facts.sample_output,
    )  # fmt: skip
    return canonical_json(asdict(state))


def render_endpoint(
    endpoint: Wanted,
    split: SplitState,
    standby: tuple[SplitState, ...],
    callers: tuple[CallerState, ...],
    version: Version | None,
) -> bytes:
    """`version` is the split's own, whose manifest gives the timeout where the endpoint has none."""
    state = EndpointState(
        endpoint.id, endpoint.project, endpoint.project_id, endpoint.name, (split,), callers, standby,
        endpoint.requests_per_s, _timeout_s(endpoint, version), endpoint.body_bytes_max, endpoint.stopped,
    )  # fmt: skip
    return canonical_json(asdict(state))


def render_preview(preview: PreviewState) -> bytes:
    return canonical_json(asdict(preview))


def _timeout_s(endpoint: Wanted, version: Version | None) -> float:
    if endpoint.timeout_s is not None:
        return endpoint.timeout_s
    resources = version.document.get("resources", {}) if version else {}
    return float(resources.get("timeout_s", TIMEOUT_S_DEFAULT))


def assemble(frame: Frame, versions: Iterable[bytes], endpoints: Iterable[bytes], previews: Iterable[bytes]) -> bytes:
    """The payload to be signed: the JSON of `DesiredState.to_json`, without making it of objects each time."""
    head = {
        "format": FORMAT,
        "installation": frame.installation,
        "number": frame.number,
        "issued_at": frame.issued_at,
        "expires_at": frame.expires_at,
        "token_keys": frame.token_keys,
        "probe_token": frame.probe_token,
        "revoked": [asdict(token) for token in frame.revoked],
    }
    lists = {b"versions": versions, b"endpoints": endpoints, b"previews": previews}
    body = b"".join(b',"' + name + b'":[' + b",".join(parts) + b"]" for name, parts in lists.items())
    return canonical_json(head)[:-1] + body + b"}"
