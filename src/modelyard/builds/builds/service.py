"""Use cases of builds: start, look, cancel, retry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelyard.builds.builds.domain import LOG_LINES_MAX, Build, BuildEvent, Source, Step
from modelyard.builds.builds.errors import BuildEnded, BuildNotFound, BuildNotRetriable
from modelyard.builds.builds.store import BuildStore, find_build
from modelyard.builds.cells.service import CellService
from modelyard.builds.sources.domain import check_files, check_named
from modelyard.builds.sources.errors import FilesMissing
from modelyard.builds.sources.git import check_source
from modelyard.contracts.manifest import parse
from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.jobs import Jobs
from modelyard.kernel.access import Access
from modelyard.kernel.clock import Clock
from modelyard.kernel.events import Event
from modelyard.kernel.ids import new_id
from modelyard.kernel.paging import Page, PageRequest
from modelyard.registry.artifacts.service import ArtifactService

JOB = "build"
EVENTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class BuildView:
    """A build with what its page shows."""

    build: Build
    project: str
    steps: tuple[Step, ...]


class BuildService:
    """See the module."""

    def __init__(
        self,
        projects: ProjectService,
        artifacts: ArtifactService,
        cells: CellService,
        jobs: Jobs,
        clock: Clock,
        *,
        allow_local_git: bool = False,
    ) -> None:
        self._projects = projects
        self._artifacts = artifacts
        self._cells = cells
        self._jobs = jobs
        self._clock = clock
        self._allow_local_git = allow_local_git
        cells.send_logs_to(self.take_log)

    def start(self, uow: UnitOfWork, access: Access, project: str, source: Source) -> BuildView:
        """Checks everything that can be known at once, then asks for the job. Raises ManifestError, FilesMissing,
        FileAbsent, SourcePathRefused, SourceTooLarge, GitUrlRefused."""
        opened = self._projects.open(uow, access, project)
        model = self._check(uow, opened, source)
        build_id = new_id("bu")
        build = Build(
            id=build_id,
            number=0,
            project_id=opened.id,
            model=model,
            state="queued",
            attempt=1,
            source=source,
            job_id=self._jobs.request(uow, JOB, build_id),
            created_at=self._clock.now(),
            created_by=uow.by.label,
            created_by_id=uow.by.id,
        )
        store = BuildStore(uow, opened.id)
        numbered = store.add(build)
        details = {"model": model, "source": source.kind}
        _record(uow, "builds.build.started", numbered, opened.name, details)
        return BuildView(numbered, opened.name, store.list_steps(build_id))

    def list_builds(self, uow: UnitOfWork, access: Access, project: str, page: PageRequest) -> tuple[str, Page[Build]]:
        """The project's name and its builds, newest first."""
        opened = self._projects.open(uow, access, project)
        return opened.name, BuildStore(uow, opened.id).list_builds(page)

    def get_build(self, uow: UnitOfWork, access: Access, number: int) -> BuildView:
        """Raises BuildNotFound, also for those of other projects, and Denied."""
        build = find_build(uow, number=number)
        hidden = BuildNotFound(number=number)
        if build is None:
            access.checked = True
            raise hidden
        project = self._projects.names(uow, frozenset({build.project_id})).get(build.project_id, "")
        access.check(build.project_id, hidden=hidden, scope=project)
        return BuildView(build, project, BuildStore(uow, build.project_id).list_steps(build.id))

    def find_by_id(self, uow: UnitOfWork, build_id: str) -> Build | None:
        """Checks nothing: for ids that come from objects that were checked."""
        return find_build(uow, build_id=build_id)

    def read_events(self, uow: UnitOfWork, build: Build, after: int) -> tuple[list[BuildEvent], bool]:
        """Events after that number, and whether they are the last that will ever come (until a retry)."""
        current = find_build(uow, build_id=build.id)
        events = BuildStore(uow, build.project_id).list_events(build.id, after, EVENTS_AT_ONCE)
        return events, current is None or (current.is_ended and len(events) < EVENTS_AT_ONCE)

    def cancel(self, uow: UnitOfWork, access: Access, number: int) -> BuildView:
        """Ends it now; what its cells still do is not listened to. Raises BuildNotFound, Denied, BuildEnded."""
        view = self.get_build(uow, access, number)
        build, store = view.build, BuildStore(uow, view.build.project_id)
        now = self._clock.now()
        if not store.move(build, ("queued", "running"), state="cancelled", ended_at=now):
            raise BuildEnded(number=number, state=build.state)
        for step in view.steps:
            if step.state == "running":
                store.change_step(build.id, step.name, state="cancelled", ended_at=now)
        store.append(build.id, "done", [{"state": "cancelled", "by": uow.by.label}], now)
        self._jobs.cancel(uow, build.job_id)
        uow.after_commit(lambda: self._cells.withdraw(build.id))
        _record(uow, "builds.build.cancelled", build, view.project)
        return self.get_build(uow, access, number)

    def retry(self, uow: UnitOfWork, access: Access, number: int) -> BuildView:
        """Goes on at the step that failed, as the next attempt of the same build. Raises BuildNotFound, Denied,
        BuildNotRetriable."""
        view = self.get_build(uow, access, number)
        build, store = view.build, BuildStore(uow, view.build.project_id)
        job_id = self._jobs.request(uow, JOB, build.id)
        values: dict[str, Any] = {"attempt": build.attempt + 1, "ended_at": None, "error": None, "job_id": job_id}
        if not store.move(build, ("failed", "cancelled"), state="queued", **values):
            raise BuildNotRetriable(number=number, state=build.state)
        for step in view.steps:
            if step.state != "succeeded":
                values = {"state": "pending", "started_at": None, "ended_at": None, "detail": "", "result": None}
                store.change_step(build.id, step.name, **values)
        _record(uow, "builds.build.retried", build, view.project, {"attempt": build.attempt + 1})
        return self.get_build(uow, access, number)

    def take_log(self, uow: UnitOfWork, build_id: str, lines: list[str]) -> None:
        """Lines of a cell that works for the build."""
        build = find_build(uow, build_id=build_id)
        if build is None or build.is_ended or not lines:
            return
        store = BuildStore(uow, build.project_id)
        room = LOG_LINES_MAX - store.count_events(build_id)
        if room <= 0:
            return
        step = next((step.name for step in store.list_steps(build_id) if step.state == "running"), "")
        data = [{"step": step, "line": line} for line in lines[:room]]
        if len(lines) >= room:
            data.append({"step": step, "line": f"(more than {LOG_LINES_MAX} lines: the rest is cut)"})
        store.append(build_id, "log", data, self._clock.now())

    def _check(self, uow: UnitOfWork, project: Project, source: Source) -> str:
        """The model's name, as far as it is known."""
        if source.kind == "git":
            check_source(source.git_source, allow_local=self._allow_local_git)
            return ""
        manifest = parse(source.manifest)
        check_files(source.files)
        check_named(manifest, source.files)
        missing = set(self._artifacts.not_held(uow, project.id, [file.digest for file in source.files]))
        first = next((file for file in source.files if file.digest in missing), None)
        if first is not None:
            raise FilesMissing(count=len(missing), path=first.path, digest=first.digest)
        return manifest.model.name


def _record(uow: UnitOfWork, action: str, build: Build, project: str, details: dict[str, Any] | None = None) -> None:
    target = f"build:{build.number}"
    uow.record(Event(action, target, build.id, build.project_id, project, details=details or {}))
