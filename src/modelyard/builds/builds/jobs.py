"""The build as a durable job: steps in order, each kept once done, so that a kill or a retry goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from modelyard.builds.builds.domain import STEPS, Build, Source, Step, StepName
from modelyard.builds.builds.service import JOB
from modelyard.builds.builds.steps import BuildSteps, Results, StepContext, StepOutcome
from modelyard.builds.builds.store import BuildStore, find_build
from modelyard.builds.cells.errors import CellJobFailed
from modelyard.builds.cells.service import CellService
from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.db.database import Database, UnitOfWork
from modelyard.infra.jobs import JobCancelled, JobFailed, JobRun, Jobs, error_of, is_transient
from modelyard.kernel.access import Principal
from modelyard.kernel.clock import Clock
from modelyard.kernel.events import Event
from modelyard.registry.models.service import ModelService


class BuildJob:
    """Registers itself under `build`."""

    def __init__(
        self,
        database: Database,
        projects: ProjectService,
        models: ModelService,
        cells: CellService,
        steps: BuildSteps,
        jobs: Jobs,
        clock: Clock,
    ) -> None:
        self._database = database
        self._projects = projects
        self._models = models
        self._cells = cells
        self._steps = steps
        self._jobs = jobs
        self._clock = clock
        jobs.register(JOB, self.run)

    def run(self, run: JobRun) -> None:
        """The handler: deterministic, all that it does is in steps."""
        build_id, job_id = run.subject_id, run.job_id
        try:
            for name in STEPS:
                run.step(name, self._step(build_id, job_id, name))
        except JobFailed as failure:
            error = failure.error
            self._jobs.until_written(lambda: self._fail(build_id, job_id, error))
            raise

    def _step(self, build_id: str, job_id: str, name: StepName) -> Callable[[], bool]:
        def action() -> bool:
            self._run_step(build_id, job_id, name)
            return True

        return action

    def _run_step(self, build_id: str, job_id: str, name: StepName) -> None:
        context = self._begin(build_id, job_id, name)
        if context is None:
            return
        try:
            if name == "record":
                self._record(context)
            else:
                work: Callable[[StepContext], StepOutcome] = getattr(self._steps, name)
                self._succeed(context, name, work(context))
        except Exception as cause:
            if is_transient(cause):
                self._say(context, f"{error_of(cause)['detail']} Trying again.")
                raise
            error = _told(cause)
            self._end_step(context, name, error)
            raise JobFailed(error) from cause

    def _begin(self, build_id: str, job_id: str, name: StepName) -> StepContext | None:
        """None when the step is done already, by this attempt before a kill or by an earlier one."""
        with self._database.transaction() as uow:
            build = self._wanted(uow, build_id, job_id)
            store = BuildStore(uow, build.project_id)
            steps = {step.name: step for step in store.list_steps(build_id)}
            if steps[name].state == "succeeded":
                return None
            now = self._clock.now()
            if build.state == "queued":
                store.change(build, state="running", started_at=build.started_at or now)
            if steps[name].state != "running":
                store.change_step(build_id, name, state="running", started_at=now)
                store.append(build_id, "step", [{"step": name, "state": "running"}], now)
            project = self._project(uow, build)
        return StepContext(
            build, project, _results(steps), lambda: self._check_wanted(build_id, job_id), self._saver(build)
        )

    def _record(self, context: StepContext) -> None:
        """The version and the build's end, in one transaction: both are there or neither."""
        new = self._steps.version(context)
        build, now = context.build, self._clock.now()
        by = Principal("user", build.created_by_id, build.created_by)
        with self._database.transaction(by, source="job") as uow:
            self._wanted(uow, build.id, build.job_id)
            version, is_new = self._models.record_version(uow, context.project, new)
            store = BuildStore(uow, build.project_id)
            values: dict[str, Any] = {
                "state": "succeeded", "ended_at": now, "version_id": version.id, "version": version.number,
                "digest": version.digest, "unchanged": not is_new,
            }  # fmt: skip
            store.change(build, **values)
            detail = version.number if is_new else f"{version.number}, unchanged"
            self._mark(store, build.id, "record", StepOutcome({"version_id": version.id}, detail))
            done = {"state": "succeeded", "version": version.number, "digest": version.digest, "unchanged": not is_new}
            store.append(build.id, "done", [done | {"model": new.model}], now)
            details = {"version": version.number, "digest": version.digest, "unchanged": not is_new}
            uow.record(_event("builds.build.succeeded", build, context.project.name, details))

    def _succeed(self, context: StepContext, name: StepName, outcome: StepOutcome) -> None:
        build = context.build
        with self._database.transaction() as uow:
            self._wanted(uow, build.id, build.job_id)
            self._mark(BuildStore(uow, build.project_id), build.id, name, outcome)

    def _mark(self, store: BuildStore, build_id: str, name: StepName, outcome: StepOutcome) -> None:
        now = self._clock.now()
        values = {"state": "succeeded", "ended_at": now, "detail": outcome.detail, "result": outcome.result}
        store.change_step(build_id, name, **values)
        step = next(step for step in store.list_steps(build_id) if step.name == name)
        data = {"step": name, "state": "succeeded", "detail": outcome.detail, "seconds": step.seconds}
        store.append(build_id, "step", [data], now)

    def _end_step(self, context: StepContext, name: StepName, error: dict[str, Any]) -> None:
        build, now = context.build, self._clock.now()
        with self._database.transaction() as uow:
            self._wanted(uow, build.id, build.job_id)
            store = BuildStore(uow, build.project_id)
            store.change_step(build.id, name, state="failed", ended_at=now, detail=error["detail"][:2000])
            store.append(build.id, "step", [{"step": name, "state": "failed", "detail": error["detail"][:2000]}], now)

    def _fail(self, build_id: str, job_id: str, error: dict[str, Any]) -> None:
        """Ends the build, once, whatever step it was in."""
        now = self._clock.now()
        with self._database.transaction(source="job") as uow:
            build = find_build(uow, build_id=build_id)
            if build is None or build.job_id != job_id:
                return
            store = BuildStore(uow, build.project_id)
            if not store.move(build, ("queued", "running"), state="failed", ended_at=now, error=error):
                return
            for step in store.list_steps(build_id):
                if step.state == "running":
                    store.change_step(build_id, step.name, state="failed", ended_at=now, detail=error["detail"][:2000])
            store.append(build_id, "done", [{"state": "failed", "error": error}], now)
            details = {"code": error["code"], "attempt": build.attempt}
            event = _event("builds.build.failed", build, self._project(uow, build).name, details)
            uow.record(replace(event, outcome="failure"))

    def _say(self, context: StepContext, line: str) -> None:
        with self._database.transaction() as uow:
            store = BuildStore(uow, context.build.project_id)
            store.append(context.build.id, "log", [{"step": "", "line": line}], self._clock.now())

    def _saver(self, build: Build) -> Callable[[Source, str], None]:
        def save(source: Source, model: str) -> None:
            with self._database.transaction() as uow:
                BuildStore(uow, build.project_id).change(build, source=source, model=model)

        return save

    def _check_wanted(self, build_id: str, job_id: str) -> None:
        self._jobs.check_running()
        with self._database.reading() as uow:
            self._wanted(uow, build_id, job_id)

    def _wanted(self, uow: UnitOfWork, build_id: str, job_id: str) -> Build:
        """The build, if this job still works for it. Raises JobCancelled when it was cancelled or retried meanwhile."""
        build = find_build(uow, build_id=build_id)
        if build is None or build.job_id != job_id or (build.is_ended and build.state != "succeeded"):
            raise JobCancelled
        return build

    def _project(self, uow: UnitOfWork, build: Build) -> Project:
        project = self._projects.find_by_id(uow, build.project_id)
        if project is None:
            raise JobCancelled
        return project


def _results(steps: dict[StepName, Step]) -> Results:
    return {name: step.result for name, step in steps.items() if step.result is not None}


def _told(cause: Exception) -> dict[str, Any]:
    """A cell's failure under the code that the cell gave it."""
    error = error_of(cause)
    if isinstance(cause, CellJobFailed):
        details = {
            name.removeprefix("cell_"): value for name, value in error["params"].items() if name.startswith("cell_")
        }
        return error | {"code": cause.told_code, "params": details}
    return error


def _event(action: str, build: Build, project: str, details: dict[str, Any]) -> Event:
    return Event(action, f"build:{build.number}", build.id, build.project_id, project, details=details)
