"""What a node should run and whom it should let in: control plane -> node, signed, numbered, leased.

Wire rule: fields are only added, with defaults; a node that meets an unknown `format` keeps its last good state.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

FORMAT = "modelyard-desired-state/1"


@dataclass(frozen=True, slots=True)
class VersionState:
    """A version that some endpoint or preview refers to. The node trusts `document` only if a verified statement
    names its digest. `sample` is a list of row objects, `sample_output` the rows the build's check answered (None
    when the model is not deterministic)."""

    version_id: str
    project: str
    project_id: str
    model: str
    version: str
    digest: str
    document: dict[str, Any]
    sample: list[dict[str, Any]] | None = None
    sample_output: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class CallerState:
    """A principal that may call; `purpose` says why; the rate is this caller's own budget."""

    principal_id: str
    name: str
    purpose: str
    requests_per_s: int = 0


@dataclass(frozen=True, slots=True)
class SplitState:
    """A share of traffic and the release statement (a DSSE envelope as JSON) that covers it."""

    version_id: str
    release_id: str
    release_number: int
    traffic_percent: int
    statement: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EndpointState:
    """`standby` are formerly live, still covered versions kept ready for rollback."""

    endpoint_id: str
    project: str
    project_id: str
    name: str
    splits: tuple[SplitState, ...]
    callers: tuple[CallerState, ...]
    standby: tuple[SplitState, ...] = ()
    requests_per_s: int = 0
    timeout_s: float = 2.0
    body_bytes_max: int = 16 * 1024 * 1024
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class PreviewState:
    version_id: str
    project: str
    model: str
    version: str
    callers: tuple[CallerState, ...]
    statement: dict[str, Any]
    expires_at: str
    requests_per_s: int = 20


@dataclass(frozen=True, slots=True)
class RevokedToken:
    token_id: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class DesiredState:
    """`token_keys` is a JWK set (OKP Ed25519) for API tokens; `probe_token` lets the node ask its own endpoints.

    Times are RFC 3339 UTC. After `expires_at` (the lease) without renewal the node goes on with what it runs and says
    that its state is stale; shares below 100 % that nobody renews fall back to the largest.
    """

    installation: str
    number: int
    issued_at: str
    expires_at: str
    token_keys: dict[str, Any]
    probe_token: str
    versions: tuple[VersionState, ...] = ()
    endpoints: tuple[EndpointState, ...] = ()
    previews: tuple[PreviewState, ...] = ()
    revoked: tuple[RevokedToken, ...] = field(default_factory=tuple)

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Raises ValueError when the format is unknown or a field is missing."""
        if value.get("format") != FORMAT:
            raise ValueError(f"desired state has format {value.get('format')!r}, expected {FORMAT!r}")
        try:
            return cls(
                installation=value["installation"],
                number=value["number"],
                issued_at=value["issued_at"],
                expires_at=value["expires_at"],
                token_keys=value["token_keys"],
                probe_token=value["probe_token"],
                versions=tuple(VersionState(**v) for v in value["versions"]),
                endpoints=tuple(_endpoint(e) for e in value["endpoints"]),
                previews=tuple(_preview(p) for p in value["previews"]),
                revoked=tuple(RevokedToken(**r) for r in value["revoked"]),
            )
        except (KeyError, TypeError) as cause:
            raise ValueError(f"desired state is incomplete: {cause!r}") from cause


def _endpoint(value: dict[str, Any]) -> EndpointState:
    return EndpointState(
        **{
            **value,
            "splits": tuple(SplitState(**s) for s in value["splits"]),
            "standby": tuple(SplitState(**s) for s in value.get("standby", ())),
            "callers": tuple(CallerState(**c) for c in value["callers"]),
        }
    )


def _preview(value: dict[str, Any]) -> PreviewState:
    return PreviewState(**{**value, "callers": tuple(CallerState(**c) for c in value["callers"])})


ReplicaPhase = Literal["preparing", "idle", "starting", "ready", "crashed", "refused", "stopped"]
EndpointPhase = Literal["empty", "preparing", "live", "failed", "stopped"]
