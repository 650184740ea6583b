"""What an endpoint is, and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from modelyard.kernel.errors import Invalid

REQUESTS_PER_S_MAX = 100_000
TIMEOUT_S_MAX = 600.0
BODY_BYTES_DEFAULT = 16 * 1024 * 1024
BODY_BYTES_MAX = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """`requests_per_s` 0: none for the endpoint as a whole. `timeout_s` None: as the live version's manifest says."""

    requests_per_s: int = 0
    timeout_s: float | None = None
    body_bytes_max: int = BODY_BYTES_DEFAULT

    def check_bounds(self) -> None:
        """Raises Invalid for a limit that no gateway could keep."""
        if not 0 <= self.requests_per_s <= REQUESTS_PER_S_MAX:
            raise Invalid(field="requests_per_s", got=self.requests_per_s, expected=f"0 to {REQUESTS_PER_S_MAX}")
        if self.timeout_s is not None and not 0.001 <= self.timeout_s <= TIMEOUT_S_MAX:
            raise Invalid(field="timeout_s", got=self.timeout_s, expected=f"0.001 to {TIMEOUT_S_MAX:g}")
        if not 1024 <= self.body_bytes_max <= BODY_BYTES_MAX:
            raise Invalid(field="body_bytes_max", got=self.body_bytes_max, expected=f"1024 to {BODY_BYTES_MAX}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A stable prediction address. `target_release_id` is what should answer, wanted since desired state
    `target_number`; `live_release_id` what a node said does answer; `standby_release_id` is kept ready for a rollback.
    `revision` counts edits of the limits and of stopping.
    """

    id: str
    project_id: str
    project: str
    name: str
    created_at: datetime
    created_by: str
    revision: int = 1
    requests_per_s: int = 0
    timeout_s: float | None = None
    body_bytes_max: int = BODY_BYTES_DEFAULT
    stopped: bool = False
    target_release_id: str | None = None
    target_number: int = 0
    live_release_id: str | None = None
    standby_release_id: str | None = None
    live_release_number: int | None = None
    live_model: str = ""
    live_version: str = ""
    live_version_id: str | None = None
    live_at: datetime | None = None

    @property
    def label(self) -> str:
        return f"{self.project}/{self.name}"

    @property
    def target(self) -> str:
        """As the audit trail names it."""
        return f"endpoint:{self.label}"

    @property
    def path(self) -> str:
        """Where callers find it."""
        return f"/v2/models/{self.project}.{self.name}"

    @property
    def limits(self) -> Limits:
        return Limits(self.requests_per_s, self.timeout_s, self.body_bytes_max)

    @property
    def is_swapping(self) -> bool:
        """Something other than what answers should answer."""
        return self.target_release_id != self.live_release_id


class Wanted(NamedTuple):
    """As much of an endpoint as rendering desired state needs: a thousand are read at each change, and compared."""

    id: str
    project_id: str
    project: str
    name: str
    requests_per_s: int
    timeout_s: float | None
    body_bytes_max: int
    stopped: bool
    target_release_id: str
    live_release_id: str | None
    standby_release_id: str | None

    @property
    def release_ids(self) -> tuple[str, ...]:
        """What should answer, then what is kept ready: what answers until then, and what one would roll back to."""
        ids = (self.target_release_id, self.live_release_id, self.standby_release_id)
        return tuple(dict.fromkeys(release_id for release_id in ids if release_id))


@dataclass(frozen=True, slots=True)
class Report:
    """The latest that one node said of one endpoint."""

    endpoint_id: str
    node_id: str
    phase: str
    version_id: str | None
    release_id: str | None
    failed_release_id: str | None
    live_at: str | None
    problem: str
    at: datetime

    def says_the_same_as(self, other: Report) -> bool:
        names = ("endpoint_id", "node_id", "phase", "version_id", "release_id", "failed_release_id", "problem")
        return all(getattr(self, name) == getattr(other, name) for name in names)
