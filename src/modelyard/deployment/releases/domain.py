"""Releases and the rules about them: who may approve, what a node's report means, what a rollback goes back to.

Decisions are values. Four eyes are computed from whose work the version is, not from what a form says: each refusal
below closes a hole that real approval systems had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from modelyard.contracts.node_status import EndpointStatus
from modelyard.deployment.endpoints.domain import Endpoint
from modelyard.deployment.releases.errors import (
    ApproverIsAuthor,
    ApproverIsNotAPerson,
    ApproverIsRequester,
    ApproverMadeTheCredential,
    EvidenceChanged,
    NothingToRollBackTo,
    ReleaseNotPending,
    RollBackTargetNeverLive,
    RollBackTargetUncovered,
    VersionChanged,
)
from modelyard.kernel.access import Principal
from modelyard.kernel.errors import Invalid, PlatformError

ReleaseState = Literal[
    "pending", "approved", "live", "superseded", "rolled_back", "failed", "rejected", "withdrawn",
]  # fmt: skip
STATES: tuple[ReleaseState, ...] = (
    "pending", "approved", "live", "superseded", "rolled_back", "failed", "rejected", "withdrawn",
)  # fmt: skip
WHY_CHARS_MAX = 2000


@dataclass(frozen=True, slots=True)
class Release:
    """A version asked for, and then approved or not, for an endpoint. `approved` means signed and wanted, not yet seen
    to answer; `live` that it does. `targeted_at` is when it was last made what should answer; `first_live_at` when it
    first did, which makes it a rollback's target. `statement` is the signed envelope as JSON.
    """

    id: str
    number: int
    project_id: str
    project: str
    endpoint_id: str
    endpoint: str
    model: str
    version: str
    version_id: str
    version_digest: str
    author: str
    author_ids: tuple[str, ...]
    requested_by_id: str
    requested_by: str
    requested_at: datetime
    why: str
    state: ReleaseState = "pending"
    decided_by_id: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None
    decision_why: str = ""
    statement: dict[str, Any] | None = None
    evidence: dict[str, Any] | None = None
    evidence_digest: str = ""
    targeted_at: datetime | None = None
    first_live_at: datetime | None = None
    live_at: datetime | None = None
    ended_at: datetime | None = None
    problem: str = ""

    @property
    def target(self) -> str:
        """As the audit trail names it."""
        return f"release:{self.number}"

    @property
    def endpoint_label(self) -> str:
        return f"{self.project}/{self.endpoint}"

    @property
    def approved_to_live_ms(self) -> float | None:
        """From the last time it was wanted to its first correct answer; None before that."""
        if self.targeted_at is None or self.live_at is None or self.live_at < self.targeted_at:
            return None
        return (self.live_at - self.targeted_at).total_seconds() * 1000


class Cover(NamedTuple):
    """What rendering needs of a release; the statement is read apart, when its bytes are not at hand."""

    id: str
    number: int
    version_id: str


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """What an approval is decided on. `digest_now` is the version's digest as the registry holds it at this moment;
    `credential_makers` made a token with which a service account did the author's or requester's part;
    `evidence_seen` is the digest of what the reviewer looked at, empty when the client did not say."""

    approver: Principal
    why: str
    digest_now: str
    evidence_digest: str
    credential_makers: frozenset[str] = frozenset()
    evidence_seen: str = ""


@dataclass(frozen=True, slots=True)
class Approve:
    pass


@dataclass(frozen=True, slots=True)
class Refuse:
    error: PlatformError


def decide_approval(release: Release, request: ApprovalRequest) -> Approve | Refuse:
    """Whether this person may approve this release now."""
    approver, who = request.approver, {"number": release.number, "permission": "release:approve"}
    if release.state != "pending":
        return Refuse(ReleaseNotPending(number=release.number, state=release.state, verb="approved"))
    if approver.kind != "user":
        return Refuse(ApproverIsNotAPerson(principal=approver.label, **who))
    if approver.id in release.author_ids:
        return Refuse(ApproverIsAuthor(principal=approver.label, **who))
    if approver.id == release.requested_by_id:
        return Refuse(ApproverIsRequester(principal=approver.label, **who))
    if {approver.id, approver.name} & request.credential_makers:
        return Refuse(ApproverMadeTheCredential(principal=approver.label, **who))
    if request.digest_now != release.version_digest:
        return Refuse(VersionChanged(number=release.number, asked=release.version_digest, now=request.digest_now))
    if request.evidence_seen and request.evidence_seen != request.evidence_digest:
        return Refuse(EvidenceChanged(number=release.number, seen=request.evidence_seen, now=request.evidence_digest))
    bad_why = check_why(request.why)
    return Refuse(bad_why) if bad_why else Approve()


def check_why(why: str, *, needed: bool = True) -> Invalid | None:
    """A decision says why, in words that fit a page."""
    if needed and not why.strip():
        return Invalid(field="why", got="nothing", expected="the reason, as the auditor will read it")
    if len(why) > WHY_CHARS_MAX:
        return Invalid(field="why", got=f"{len(why)} characters", expected=f"at most {WHY_CHARS_MAX}")
    return None


@dataclass(frozen=True, slots=True)
class GoLive:
    """The target answered correctly; `live_at` is the node's time of it."""

    live_at: str


@dataclass(frozen=True, slots=True)
class Fail:
    """The target can't start; its predecessor goes on serving."""

    problem: str


@dataclass(frozen=True, slots=True)
class KeepWaiting:
    pass


def decide_report(
    endpoint: Endpoint, target: Release, status: EndpointStatus, number: int
) -> GoLive | Fail | KeepWaiting:
    """What a node's word means for the release that should answer. A status that was sent before the node could know
    of the target (an older desired state `number`) says nothing about it."""
    if number < endpoint.target_number or target.state != "approved":
        return KeepWaiting()
    if status.phase == "live" and (status.release_id, status.version_id) == (target.id, target.version_id):
        return GoLive(status.live_at or "")
    if status.failed_release_id == target.id:
        return Fail(status.problem or "the node gave no reason")
    return KeepWaiting()


def ended_state(ended: Release, by: Release) -> ReleaseState:
    """What a release is once another answers in its place."""
    return "superseded" if by.number > ended.number else "rolled_back"


@dataclass(frozen=True, slots=True)
class RollBack:
    """Make `to` what should answer again; `abandoned` was on its way to be."""

    to: Release
    abandoned: Release | None = field(default=None)


def decide_rollback(endpoint: Endpoint, known: Sequence[Release], to_number: int | None) -> RollBack | Refuse:
    """`known` are the endpoint's releases, newest first. Without a number: while a swap is on its way, back to what
    answers; else to the newest release before the one that answers which once was live and was not found broken."""
    by_id = {release.id: release for release in known}
    live = by_id.get(endpoint.live_release_id or "")
    target = by_id.get(endpoint.target_release_id or "")
    abandoned = target if target is not None and target is not live else None
    if to_number is not None:
        named = next((release for release in known if release.number == to_number), None)
        if named is None or named.first_live_at is None or named.state in ("failed", "approved"):
            return Refuse(RollBackTargetNeverLive(number=to_number, endpoint=endpoint.label))
        return _covered(named, abandoned, endpoint, live)
    if abandoned is not None and live is not None:
        return _covered(live, abandoned, endpoint, None)
    current = live.number if live else (target.number if target else 0)
    usable = (r for r in known if r.number < current and r.first_live_at and r.state in ("superseded", "rolled_back"))
    before = next(usable, None)
    if before is None:
        return Refuse(NothingToRollBackTo(endpoint=endpoint.label))
    return _covered(before, abandoned, endpoint, live)


def _covered(to: Release, abandoned: Release | None, endpoint: Endpoint, live: Release | None) -> RollBack | Refuse:
    """Only what a reviewer signed, and what does not answer already, can be gone back to."""
    if to.statement is None:
        return Refuse(RollBackTargetUncovered(number=to.number))
    if live is not None and to.id == live.id and abandoned is None:
        return Refuse(NothingToRollBackTo(endpoint=endpoint.label))
    return RollBack(to, abandoned)
