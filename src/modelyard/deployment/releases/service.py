"""Use cases of releases: ask, approve, reject, withdraw, roll back, and believe what nodes report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from modelyard.contracts.node_status import EndpointStatus
from modelyard.contracts.statements import IN_TOTO_PAYLOAD, ReleaseStatement
from modelyard.deployment.endpoints.domain import Endpoint
from modelyard.deployment.endpoints.service import EndpointService, Touch
from modelyard.deployment.releases.domain import (
    STATES,
    ApprovalRequest,
    Approve,
    Cover,
    Fail,
    GoLive,
    Refuse,
    Release,
    check_why,
    decide_approval,
    decide_report,
    decide_rollback,
    ended_state,
)
from modelyard.deployment.releases.errors import (
    ReleaseNotFound,
    ReleaseNotPending,
    ReleasePending,
    VersionLiveAlready,
)
from modelyard.deployment.releases.evidence import evidence_digest, make_evidence
from modelyard.deployment.releases.store import EveryReleaseStore, ReleaseStore
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.db import UnitOfWork
from modelyard.kernel.access import Access
from modelyard.kernel.clock import Clock, from_rfc3339, to_rfc3339
from modelyard.kernel.errors import Invalid
from modelyard.kernel.events import Event
from modelyard.kernel.ids import new_id
from modelyard.kernel.paging import Page, PageRequest
from modelyard.registry.models.domain import Version
from modelyard.registry.models.service import ModelService
from modelyard.trust.attestations import SigningKey, sign

PROBLEM_CHARS_MAX = 16 * 1024


class CredentialMakers(Protocol):
    def makers_of(self, uow: UnitOfWork, principal_id: str) -> frozenset[str]:
        """Labels of all who ever made a token of that service account; empty for a person."""
        ...


class ReleaseService:
    """Holds the release key: the only place where a release statement is signed."""

    def __init__(
        self,
        clock: Clock,
        projects: ProjectService,
        endpoints: EndpointService,
        models: ModelService,
        makers: CredentialMakers,
        installation: str,
        release_key: SigningKey,
        touch: Touch,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._projects = projects
        self._endpoints = endpoints
        self._models = models
        self._makers = makers
        self._installation = installation
        self._release_key = release_key
        self._touch = touch
        self._on_change = on_change

    def request(
        self, uow: UnitOfWork, access: Access, project: str, endpoint: str, model: str, version: str, why: str
    ) -> Release:
        """A pending release of the version (semver or `@alias`), bound to its digest; makes the endpoint if need be.

        Raises ProjectNotFound, Denied, ModelNotFound, VersionNotFound, AliasNotFound, Invalid, ReleasePending,
        VersionLiveAlready.
        """
        opened = self._projects.open(uow, access, project)
        _check_why(why, needed=False)
        found = self._models.find_in_project(uow, opened, model, version)
        at = self._endpoints.ensure(uow, opened, endpoint)
        self._check_new(uow, at, found)
        release = Release(
            id=new_id("re"), number=EveryReleaseStore(uow).next_number(), project_id=opened.id, project=opened.name,
            endpoint_id=at.id, endpoint=at.name, model=found.model, version=found.number, version_id=found.id,
            version_digest=found.digest, author=found.created_by, author_ids=(found.created_by_id,),
            requested_by_id=uow.by.id, requested_by=uow.by.label, requested_at=self._clock.now(), why=why.strip(),
        )  # fmt: skip
        ReleaseStore(uow, opened.id).add(release)
        self._record(uow, "requested", release, why)
        return release

    def get(self, uow: UnitOfWork, access: Access, number: int) -> Release:
        """Raises ReleaseNotFound, alike for one that does not exist and one of a project that one is no member of."""
        hidden = ReleaseNotFound(number=number)
        release = EveryReleaseStore(uow).find_by_number(number)
        if release is None:
            raise hidden
        access.check(release.project_id, hidden=hidden, scope=release.project)
        return release

    def evidence_of(self, uow: UnitOfWork, release: Release) -> dict[str, Any]:
        """Of a release that was checked: as it was signed, or, before that, as it would be now. A pending release is
        compared with what answers at this moment."""
        if release.evidence is not None:
            return release.evidence
        endpoint = self._endpoints.find_by_id(uow, release.project_id, release.endpoint_id)
        version = self._version(uow, release.version_id)
        return {} if version is None else self._make_evidence(uow, endpoint, version, release.endpoint_label)

    def list_releases(
        self,
        uow: UnitOfWork,
        access: Access,
        page: PageRequest,
        *,
        state: str = "",
        project: str = "",
        endpoint: str = "",
        version_id: str = "",
    ) -> Page[Release]:
        """Newest first, of the projects that the principal may see."""
        if state and state not in STATES:
            raise Invalid(field="state", got=repr(state[:40]), expected=f"one of {', '.join(STATES)}")
        return EveryReleaseStore(uow).list_releases(
            access.visible_projects(), page, state=state, project=project, endpoint=endpoint, version_id=version_id
        )

    def approve(self, uow: UnitOfWork, access: Access, number: int, why: str, evidence_seen: str = "") -> Release:
        """Signs the release statement and makes the version what should answer. Returns at once, `approved`.

        Raises ReleaseNotFound, Denied (for every way of approving one's own work), ReleaseNotPending, VersionChanged,
        EvidenceChanged, Invalid.
        """
        endpoint, release = self._lock(uow, access, number)
        version = self._version(uow, release.version_id)
        evidence = {} if version is None else self._make_evidence(uow, endpoint, version, release.endpoint_label)
        digest = evidence_digest(evidence)
        makers: set[str] = set()
        for principal_id in {*release.author_ids, release.requested_by_id}:
            makers |= self._makers.makers_of(uow, principal_id)
        asked = ApprovalRequest(
            access.principal, why, version.digest if version else "nothing", digest, frozenset(makers), evidence_seen
        )
        decision = decide_approval(release, asked)
        if isinstance(decision, Refuse):
            raise decision.error
        now = self._clock.now()
        approved = replace(
            release, state="approved", decided_by_id=access.principal.id, decided_by=access.principal.label,
            decided_at=now, decision_why=why.strip(), evidence=evidence, evidence_digest=digest, targeted_at=now,
        )  # fmt: skip
        approved = replace(approved, statement=self._sign(approved, decision, now))
        self._record(uow, "approved", approved, why, {"evidence_digest": digest, "digest": release.version_digest})
        self._aim(uow, endpoint, approved)
        return approved

    def reject(self, uow: UnitOfWork, access: Access, number: int, why: str) -> Release:
        """Raises ReleaseNotFound, Denied, ReleaseNotPending, Invalid."""
        _check_why(why)
        return self._close(uow, access, number, "rejected", why)

    def withdraw(self, uow: UnitOfWork, access: Access, number: int, why: str = "") -> Release:
        """Raises ReleaseNotFound, Denied, ReleaseNotPending, Invalid."""
        _check_why(why, needed=False)
        return self._close(uow, access, number, "withdrawn", why)

    def roll_back(
        self, uow: UnitOfWork, access: Access, project: str, name: str, to_number: int | None, why: str = ""
    ) -> Release:
        """Makes an earlier release what should answer, by the statement that was signed then. Pending releases stay as
        they are. Raises EndpointNotFound, Denied, NothingToRollBackTo, RollBackTargetNeverLive, Invalid."""
        _check_why(why, needed=False)
        opened = self._projects.open(uow, access, project)
        endpoint = self._endpoints.lock(uow, opened, name)
        known = ReleaseStore(uow, opened.id).of_endpoint(endpoint.id)
        decision = decide_rollback(endpoint, known, to_number)
        if isinstance(decision, Refuse):
            raise decision.error
        back = decision.to
        if back.id != endpoint.live_release_id:
            back = replace(back, state="approved", targeted_at=self._clock.now(), live_at=None, ended_at=None)
        before = next((r.number for r in known if r.id == endpoint.live_release_id), None)
        uow.record(
            Event(
                "deployment.endpoint.rolled_back", endpoint.target, endpoint.id, opened.id, opened.name, why=why,
                details={"to_release": back.number, "from_release": before, "version": f"{back.model}:{back.version}"},
            )
        )  # fmt: skip
        self._aim(uow, endpoint, back)
        return back

    def observe(self, uow: UnitOfWork, number: int, statuses: dict[str, EndpointStatus]) -> None:
        """What a node that applies desired state `number` says, by endpoint id: releases go live or fail by it."""
        for endpoint in self._endpoints.list_swapping(uow):
            status = statuses.get(endpoint.id)
            if status is None or endpoint.target_release_id is None:
                continue
            store = ReleaseStore(uow, endpoint.project_id)
            target = store.find(endpoint.target_release_id)
            if target is None:
                continue
            meaning = decide_report(endpoint, target, status, number)
            if isinstance(meaning, GoLive):
                self._go_live(uow, endpoint, store.lock(target.number), meaning.live_at)
            elif isinstance(meaning, Fail):
                self._fail(uow, endpoint, store.lock(target.number), meaning.problem)

    def covers(self, uow: UnitOfWork, release_ids: set[str]) -> dict[str, Cover]:
        """For rendering desired state."""
        return EveryReleaseStore(uow).covers(release_ids)

    def statements(self, uow: UnitOfWork, release_ids: set[str]) -> dict[str, dict[str, Any] | None]:
        """Exactly as they were signed; None where no one signed."""
        return EveryReleaseStore(uow).statements(release_ids)

    def find_by_id(self, uow: UnitOfWork, project_id: str, release_id: str) -> Release | None:
        """Of a project that was checked."""
        return ReleaseStore(uow, project_id).find(release_id)

    def _check_new(self, uow: UnitOfWork, at: Endpoint, version: Version) -> None:
        pending = ReleaseStore(uow, at.project_id).find_pending(at.id, version.id)
        if pending is not None:
            raise ReleasePending(number=pending.number, endpoint=at.label)
        if at.live_version_id == version.id and not at.is_swapping:
            live = {"number": at.live_release_number, "endpoint": at.label}
            raise VersionLiveAlready(model=version.model, version=version.number, **live)

    def _lock(self, uow: UnitOfWork, access: Access, number: int) -> tuple[Endpoint, Release]:
        """Endpoint first, always, so that no two changes wait for each other."""
        release = self.get(uow, access, number)
        endpoint = self._endpoints.lock_by_id(uow, release.project_id, release.endpoint_id)
        return endpoint, ReleaseStore(uow, release.project_id).lock(number)

    def _make_evidence(
        self, uow: UnitOfWork, endpoint: Endpoint | None, version: Version, label: str
    ) -> dict[str, Any]:
        live = self._version(uow, endpoint.live_version_id if endpoint else None)
        diff = self._models.diff_versions(uow, live, version) if live else None
        return make_evidence(version, live, diff, label)

    def _version(self, uow: UnitOfWork, version_id: str | None) -> Version | None:
        return self._models.versions_by_ids(uow, [version_id]).get(version_id) if version_id else None

    def _sign(self, release: Release, decision: Approve, now: datetime) -> dict[str, Any]:
        """Wants the decision, so that no path signs without one."""
        statement = ReleaseStatement(
            installation=self._installation, project=release.project, endpoint=release.endpoint,
            endpoint_id=release.endpoint_id, release_id=release.id, release_number=release.number,
            model=release.model, version=release.version, version_id=release.version_id,
            version_digest=release.version_digest, author=release.author, approver=release.decided_by,
            why=release.decision_why, approved_at=to_rfc3339(now), evidence_digest=release.evidence_digest,
        )  # fmt: skip
        return sign(IN_TOTO_PAYLOAD, statement.to_payload(), self._release_key).to_json()

    def _close(self, uow: UnitOfWork, access: Access, number: int, state: Any, why: str) -> Release:
        _, release = self._lock(uow, access, number)
        if release.state != "pending":
            raise ReleaseNotPending(number=number, state=release.state, verb=state)
        closed = replace(
            release, state=state, decided_by_id=uow.by.id, decided_by=uow.by.label, decision_why=why.strip(),
            decided_at=self._clock.now(), ended_at=self._clock.now(),
        )  # fmt: skip
        ReleaseStore(uow, release.project_id).save(closed)
        self._record(uow, state, closed, why)
        uow.after_commit(self._on_change)
        return closed

    def _aim(self, uow: UnitOfWork, endpoint: Endpoint, release: Release) -> None:
        """Makes the release what should answer; one that was on its way instead has no more way to go."""
        store = ReleaseStore(uow, endpoint.project_id)
        store.save(release)
        if endpoint.is_swapping and endpoint.target_release_id not in (None, release.id):
            abandoned = store.find(endpoint.target_release_id or "")
            if abandoned is not None and abandoned.state == "approved":
                store.save(replace(abandoned, state=ended_state(abandoned, release), ended_at=self._clock.now()))
                self._record(uow, "superseded", abandoned, "", {"by_release": release.number})
        standby = endpoint.standby_release_id
        aimed = replace(endpoint, target_release_id=release.id, target_number=self._touch(uow))
        self._endpoints.save(uow, replace(aimed, standby_release_id=None if standby == release.id else standby))
        uow.after_commit(self._on_change)

    def _go_live(self, uow: UnitOfWork, endpoint: Endpoint, release: Release, told_at: str) -> None:
        store, now = ReleaseStore(uow, endpoint.project_id), self._clock.now()
        live_at = _believable(told_at, release.targeted_at, now)
        before = store.find(endpoint.live_release_id) if endpoint.live_release_id else None
        if before is not None and before.id != release.id:
            state = ended_state(before, release)
            store.save(replace(before, state=state, ended_at=now))
            self._record(uow, state, before, "", {"by_release": release.number})
        live = replace(release, state="live", live_at=live_at, first_live_at=release.first_live_at or live_at)
        store.save(live)
        self._endpoints.save(
            uow,
            replace(
                endpoint, live_release_id=live.id, live_release_number=live.number, live_model=live.model,
                live_version=live.version, live_version_id=live.version_id, live_at=live_at,
                standby_release_id=before.id if before else endpoint.standby_release_id,
            ),
        )  # fmt: skip
        self._record(uow, "went_live", live, "", {"approved_to_live_ms": live.approved_to_live_ms})
        uow.after_commit(self._on_change)

    def _fail(self, uow: UnitOfWork, endpoint: Endpoint, release: Release, problem: str) -> None:
        now = self._clock.now()
        failed = replace(release, state="failed", ended_at=now, problem=problem[:PROBLEM_CHARS_MAX])
        ReleaseStore(uow, endpoint.project_id).save(failed)
        back = replace(endpoint, target_release_id=endpoint.live_release_id, target_number=self._touch(uow))
        self._endpoints.save(uow, back)
        last_line = failed.problem.strip().rpartition("\n")[2][:300]
        uow.record(_event("failed", failed, "", {"problem": last_line}, outcome="failure"))
        uow.after_commit(self._on_change)

    def _record(
        self, uow: UnitOfWork, verb: str, release: Release, why: str, details: dict[str, Any] | None = None
    ) -> None:
        uow.record(_event(verb, release, why, details or {}))


def _event(verb: str, release: Release, why: str, details: dict[str, Any], outcome: Any = "success") -> Event:
    about = {"endpoint": release.endpoint, "version": f"{release.model}:{release.version}"}
    return Event(
        f"deployment.release.{verb}", release.target, release.id, release.project_id, release.project,
        why=why.strip(), outcome=outcome, details={**about, **details},
    )  # fmt: skip


def _check_why(why: str, *, needed: bool = True) -> None:
    error = check_why(why, needed=needed)
    if error is not None:
        raise error


def _believable(told: str, earliest: datetime | None, now: datetime) -> datetime:
    """The node's time where it lies between being wanted and being told; else now: clocks differ."""
    try:
        moment = from_rfc3339(told)
    except ValueError:
        return now
    return moment if (earliest is None or earliest <= moment) and moment <= now else now
