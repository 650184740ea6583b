"""What the gateway is told: desired state, and what the node really has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelyard.contracts.desired_state import DesiredState


@dataclass(frozen=True, slots=True)
class GatewayView:
    """One moment. The gateway sends nowhere else than this says.

    `serving`: endpoint_id -> version_id that Envoy should send to now, None when there is none yet.
    `sockets`: version_id -> path of the Unix socket that the version's workers accept on.
    `previews_ready`: version_ids whose preview may be sent to.
    """

    desired: DesiredState
    serving: Mapping[str, str | None] = field(default_factory=dict)
    sockets: Mapping[str, str] = field(default_factory=dict)
    previews_ready: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What came back through the real listener. Header names are lower case; `body` is JSON, or the text."""

    status: int
    headers: Mapping[str, str]
    body: Any
