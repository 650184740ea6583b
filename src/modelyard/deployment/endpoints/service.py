"""Use cases of endpoints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from modelyard.deployment.endpoints.domain import Endpoint, Limits, Report, Wanted
from modelyard.deployment.endpoints.errors import EndpointNameTaken, EndpointNotFound, EndpointNotLive
from modelyard.deployment.endpoints.store import EndpointStore, EveryEndpointStore
from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.db import UnitOfWork
from modelyard.kernel.access import Access
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Invalid
from modelyard.kernel.events import Event
from modelyard.kernel.ids import NAME_RULE, is_name, new_id
from modelyard.kernel.paging import Page, PageRequest
from modelyard.registry.models.domain import Version
from modelyard.registry.models.service import ModelService

# Numbers the next desired state in the change's own transaction, wakes the nodes after it, returns the number.
Touch = Callable[[UnitOfWork], int]


class EndpointNames:
    """Implements identity's `EndpointDirectory`; needs no service, so that identity can be wired before them."""

    def find_endpoint(self, uow: UnitOfWork, project_id: str, name: str) -> Endpoint | None:
        """Of a project that was checked."""
        return EndpointStore(uow, project_id).find_by_name(name)


class EndpointService:
    def __init__(self, clock: Clock, projects: ProjectService, models: ModelService, touch: Touch) -> None:
        self._clock = clock
        self._projects = projects
        self._models = models
        self._touch = touch

    def create(self, uow: UnitOfWork, access: Access, project: str, name: str, limits: Limits) -> Endpoint:
        """An endpoint at which nothing answers yet. Raises Invalid, EndpointNameTaken."""
        opened = self._projects.open(uow, access, project)
        limits.check_bounds()
        if EndpointStore(uow, opened.id).find_by_name(name) is not None:
            raise EndpointNameTaken(name=name, project=opened.name)
        return self.ensure(uow, opened, name, limits)

    def ensure(self, uow: UnitOfWork, project: Project, name: str, limits: Limits | None = None) -> Endpoint:
        """The endpoint of that name, locked for change, made if need be. For callers that checked the project."""
        store = EndpointStore(uow, project.id)
        found = store.find_by_name(name, lock=True)
        if found is not None:
            return found
        if not is_name(name):
            raise Invalid(field="endpoint", got=repr(name[:80]), expected=NAME_RULE)
        wanted = limits or Limits()
        endpoint = Endpoint(
            new_id("ep"), project.id, project.name, name, self._clock.now(), uow.by.label,
            requests_per_s=wanted.requests_per_s, timeout_s=wanted.timeout_s, body_bytes_max=wanted.body_bytes_max,
        )  # fmt: skip
        if not store.add(endpoint):
            raise EndpointNameTaken(name=name, project=project.name)
        self._record(uow, "created", endpoint)
        return endpoint

    def get(self, uow: UnitOfWork, access: Access, project: str, name: str) -> Endpoint:
        """Raises EndpointNotFound."""
        opened = self._projects.open(uow, access, project)
        return self._get(uow, opened, name)

    def list_endpoints(self, uow: UnitOfWork, access: Access, project: str, page: PageRequest) -> Page[Endpoint]:
        opened = self._projects.open(uow, access, project)
        return EndpointStore(uow, opened.id).list_endpoints(page)

    def set_limits(
        self,
        uow: UnitOfWork,
        access: Access,
        project: str,
        name: str,
        limits: Limits,
        check_revision: Callable[[int], None],
    ) -> Endpoint:
        """`check_revision` raises StaleEdit when the caller read an older one. Raises Invalid, EndpointNotFound."""
        opened = self._projects.open(uow, access, project)
        endpoint = self._get(uow, opened, name, lock=True)
        check_revision(endpoint.revision)
        limits.check_bounds()
        if endpoint.limits == limits:
            return endpoint
        edited = replace(
            endpoint, revision=endpoint.revision + 1, requests_per_s=limits.requests_per_s,
            timeout_s=limits.timeout_s, body_bytes_max=limits.body_bytes_max,
        )  # fmt: skip
        EndpointStore(uow, opened.id).save(edited)
        details: dict[str, object] = {"before": _limits(endpoint), "after": _limits(edited)}
        self._record(uow, "limits_changed", edited, details=details)
        self._touch(uow)
        return edited

    def set_stopped(
        self, uow: UnitOfWork, access: Access, project: str, name: str, *, stopped: bool, why: str = ""
    ) -> Endpoint:
        """The stop button and its undoing. Doing it twice is no error and no second event."""
        opened = self._projects.open(uow, access, project)
        endpoint = self._get(uow, opened, name, lock=True)
        if endpoint.stopped == stopped:
            return endpoint
        edited = replace(endpoint, stopped=stopped, revision=endpoint.revision + 1)
        EndpointStore(uow, opened.id).save(edited)
        self._record(uow, "stopped" if stopped else "started", edited, why=why)
        self._touch(uow)
        return edited

    def live_version(self, uow: UnitOfWork, endpoint: Endpoint) -> Version:
        """Raises EndpointNotLive."""
        live_id = endpoint.live_version_id
        found = self._models.versions_by_ids(uow, [live_id]).get(live_id) if live_id else None
        if found is None:
            raise EndpointNotLive(endpoint=endpoint.label)
        return found

    def lock(self, uow: UnitOfWork, project: Project, name: str) -> Endpoint:
        """Of a project that was checked, for a change to it. Raises EndpointNotFound."""
        return self._get(uow, project, name, lock=True)

    def lock_by_id(self, uow: UnitOfWork, project_id: str, endpoint_id: str) -> Endpoint:
        """Of an object that was checked. Raises EndpointNotFound."""
        found = EndpointStore(uow, project_id).find(endpoint_id, lock=True)
        if found is None:
            raise EndpointNotFound(name=endpoint_id, project=project_id)
        return found

    def find_by_id(self, uow: UnitOfWork, project_id: str, endpoint_id: str) -> Endpoint | None:
        """Checks nothing: for an id that comes from a checked object or from a node."""
        return EndpointStore(uow, project_id).find(endpoint_id)

    def save(self, uow: UnitOfWork, endpoint: Endpoint) -> None:
        """For releases, which decide what should answer and learn what does."""
        EndpointStore(uow, endpoint.project_id).save(endpoint)

    def reports(self, uow: UnitOfWork, project_id: str, endpoints: Sequence[Endpoint]) -> dict[str, Report]:
        """The newest report of each, by endpoint id."""
        found: dict[str, Report] = {}
        for report in EndpointStore(uow, project_id).reports([endpoint.id for endpoint in endpoints]):
            found.setdefault(report.endpoint_id, report)
        return found

    def list_wanted(self, uow: UnitOfWork) -> list[Wanted]:
        """Of all projects, for rendering desired state."""
        return EveryEndpointStore(uow).list_wanted()

    def list_swapping(self, uow: UnitOfWork) -> list[Endpoint]:
        """Of all projects, locked: those whose target does not answer yet."""
        return EveryEndpointStore(uow).list_swapping()

    def note_reports(self, uow: UnitOfWork, node_id: str, reports: Collection[Report]) -> None:
        """Keeps the latest of a node; endpoints that it made up are passed over."""
        store = EveryEndpointStore(uow)
        before = store.reports_of(node_id)
        new = [r for r in reports if r.endpoint_id not in before or not r.says_the_same_as(before[r.endpoint_id])]
        gone = set(before) - {report.endpoint_id for report in reports}
        if new or gone:
            known = store.known_ids()
            store.replace_reports(node_id, [report for report in new if report.endpoint_id in known], gone)

    def _get(self, uow: UnitOfWork, project: Project, name: str, *, lock: bool = False) -> Endpoint:
        found = EndpointStore(uow, project.id).find_by_name(name, lock=lock)
        if found is None:
            raise EndpointNotFound(name=name[:80], project=project.name)
        return found

    def _record(
        self, uow: UnitOfWork, verb: str, endpoint: Endpoint, *, why: str = "", details: dict[str, object] | None = None
    ) -> None:
        uow.record(
            Event(
                f"deployment.endpoint.{verb}",
                endpoint.target,
                endpoint.id,
                endpoint.project_id,
                endpoint.project,
                why=why,
                details=details or {},
            )
        )


def _limits(endpoint: Endpoint) -> dict[str, object]:
    return {
        "requests_per_s": endpoint.requests_per_s,
        "timeout_s": endpoint.timeout_s,
        "body_bytes_max": endpoint.body_bytes_max,
    }
