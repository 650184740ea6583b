"""Runs job rows as DBOS workflows.

A request's transaction writes a row in `job_runs`. Once it is committed, and every second besides, the reconciler
starts the workflow *with the row's id*, which is idempotent: however often it tries, and wherever the process dies in
between, there is one run. (A workflow is never started inside an open transaction: on the same SQLite file that would
block for over a minute; DBOS has a file of its own.) After a kill the workflow goes on at the step it was in.

One installation has one runner per process, because DBOS keeps its state in globals; it is all in `engine`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from modelyard.infra.db.database import Database, UnitOfWork
from modelyard.infra.db.errors import find_full
from modelyard.infra.jobs import store
from modelyard.infra.jobs.domain import Job, JobCancelled, JobFailed, JobInterrupted, error_of, is_transient
from modelyard.kernel.clock import Clock
from modelyard.kernel.ids import new_id

if TYPE_CHECKING:
    from modelyard.infra.jobs.engine import Engine

log = logging.getLogger(__name__)
T = TypeVar("T")

# A start has better things to do than housekeeping.
CHORES_AFTER_S = 600.0
CHORES_LOOK_S = 1.0
LAUNCH_AGAIN_S = 5.0
WRITE_AGAIN_S = 1.0
_ONE_PER_PROCESS = threading.Lock()


@dataclass(frozen=True, slots=True)
class JobsSettings:
    """`url`: `sqlite:////path/jobs.db` or a PostgreSQL database of its own schema. `running_max`: jobs at
    once; `listen_s`: how often DBOS looks at its database, and so the longest a stop takes."""

    url: str
    running_max: int = 8
    scan_s: float = 1.0
    tries: int = 4
    first_pause_s: float = 0.5
    listen_s: float = 1.0


class JobRun:
    """What a handler works with. The handler itself must be deterministic: everything that reads or changes the world
    happens in `step`."""

    def __init__(self, job_id: str, subject_id: str, jobs: Jobs) -> None:
        self.job_id = job_id
        self.subject_id = subject_id
        self._jobs = jobs

    def step(self, name: str, action: Callable[[], T]) -> T:
        """Runs the action and keeps its answer, a JSON value: after a crash a finished step is not run again. An action
        that was cut off is, so it must be idempotent. Transient errors are tried again; others raise JobFailed."""
        settings = self._jobs.settings
        self._jobs.check_running()
        if self._jobs.is_cancelled(self.job_id):
            raise JobCancelled

        def guarded() -> Any:
            try:
                return {"answer": action()}
            except Exception as cause:
                if is_transient(cause):
                    raise
                if not isinstance(cause, JobFailed) and error_of(cause)["code"] == "internal":
                    log.exception("job %s failed in step %s", self.job_id, name)
                return {"error": error_of(cause)}

        try:
            outcome = self._jobs.engine.run_step(
                name, guarded, tries=settings.tries, pause_s=settings.first_pause_s, should_retry=is_transient
            )
        except Exception as cause:
            # The last transient error, or DBOS's word that all tries were used up.
            last = _last_of(cause)
            raise JobFailed(error_of(find_full(last) or last)) from cause
        if "error" in outcome:
            raise JobFailed(outcome["error"])
        answer: T = outcome["answer"]
        return answer

    def patched(self, name: str) -> bool:
        """Whether this run takes the code as changed under this name; runs begun before go the old way to their end."""
        return self._jobs.engine.patch(name)


JobHandler = Callable[[JobRun], None]


@dataclass(frozen=True, slots=True)
class Chore:
    """Housekeeping that may be missed and repeated without harm, such as removing what nobody needs any more."""

    name: str
    every_s: float
    action: Callable[[], object]


class Jobs:
    """Registers handlers, takes requests, runs them."""

    def __init__(self, database: Database, settings: JobsSettings, clock: Clock) -> None:
        self.settings = settings
        self._database = database
        self._clock = clock
        self._handlers: dict[str, JobHandler] = {}
        self._nudge = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._running: set[str] = set()
        self._chores: list[Chore] = []
        self._chore_thread: threading.Thread | None = None
        self._engine: Engine | None = None

    def register(self, name: str, handler: JobHandler) -> None:
        """Before `start`; the name is stored with each job and never changes its meaning."""
        if name in self._handlers:
            raise ValueError(f"a handler for {name!r} is registered already")
        self._handlers[name] = handler

    def add_chore(self, chore: Chore) -> None:
        """Before `start`; runs a while after each start and then at its interval, one after the other."""
        self._chores.append(chore)

    def request(self, uow: UnitOfWork, name: str, subject_id: str) -> str:
        """Asks for a run in the caller's transaction; it starts once that is committed. Returns the job's id."""
        if name not in self._handlers:
            raise ValueError(f"no handler is registered for {name!r}")
        job = Job(new_id("jo"), name, subject_id, "requested", self._clock.now())
        store.add_job(uow, job)
        uow.after_commit(self._nudge.set)
        return job.id

    def cancel(self, uow: UnitOfWork, job_id: str) -> None:
        """No further step begins; one that is running ends on its own or by the subject's own state."""
        store.mark_ended(uow, job_id, "cancelled", self._clock.now(), None)

    def start(self) -> None:
        """Launches DBOS, which resumes what was cut off, and the reconciler. Raises RuntimeError if the process has
        another runner at work: DBOS would silently mix the two."""
        self._begin()
        try:
            self._launch()
        except BaseException:
            _ONE_PER_PROCESS.release()
            raise
        self._run_threads()

    def start_later(self, delay_s: float) -> None:
        """The same in the background, after `hurry`, the first request of a job, or `delay_s`: whoever waits for the
        process to be ready does not wait for DBOS."""
        self._begin()
        self._run_threads(delay_s)

    def hurry(self) -> None:
        """Looks now for what there is to do."""
        self._nudge.set()

    def _begin(self) -> None:
        if not _ONE_PER_PROCESS.acquire(blocking=False):
            raise RuntimeError("another job runner is at work in this process; stop it first")
        self._stopping.clear()

    def _run_threads(self, delay_s: float = 0.0) -> None:
        self._thread = threading.Thread(
            target=self._reconcile_forever, args=(delay_s,), name="job-reconciler", daemon=True
        )
        self._thread.start()
        self._chore_thread = threading.Thread(target=self._do_chores, name="chores", daemon=True)
        self._chore_thread.start()

    def _launch(self) -> None:
        from modelyard.infra.jobs.engine import Engine

        self._engine = Engine(self.settings.url, self._run, listen_s=self.settings.listen_s)

    def stop(self) -> None:
        """Ends without waiting for running steps; the next start takes them up again."""
        if self._thread is None:
            return
        self._stopping.set()
        self._nudge.set()
        self._thread.join(timeout=5)
        self._thread = None
        if self._chore_thread is not None:
            self._chore_thread.join(timeout=5)
            self._chore_thread = None
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        _ONE_PER_PROCESS.release()

    @property
    def engine(self) -> Engine:
        """Raises RuntimeError before it was launched."""
        if self._engine is None:
            raise RuntimeError("jobs were not started")
        return self._engine

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def check_running(self) -> None:
        """For steps that wait: raises JobInterrupted when the process is ending; the step is taken up again later."""
        if self._stopping.is_set():
            raise JobInterrupted

    def until_written(self, write: Callable[[], None]) -> None:
        """For how a job ends, which nobody would write later: repeats it for as long as the disk is full or the
        database away. Raises JobInterrupted when the process ends first; the next start then takes the job up."""
        while True:
            try:
                write()
                return
            except Exception as cause:
                if not is_transient(cause):
                    raise
                log.warning("a job's end can't be written yet: %s", cause)
            if self._stopping.wait(WRITE_AGAIN_S):
                raise JobInterrupted

    def is_cancelled(self, job_id: str) -> bool:
        """Ours to keep: a workflow that DBOS cancels under a running step can't record how it ended."""
        with self._database.reading() as uow:
            job = store.find_job(uow, job_id)
        return job is None or job.state == "cancelled"

    def reconcile(self) -> None:
        """Starts what is requested, and closes rows whose workflow ended without saying so (killed in between)."""
        names = list(self._handlers)
        with self._database.reading() as uow:
            started = store.list_jobs_in(uow, "started", names, 1000)
            room = self.settings.running_max - len(started)
            requested = store.list_jobs_in(uow, "requested", names, room) if room > 0 else []
        for job in requested:
            self._start(job)
        for job in started:
            if job.id not in self._running:
                self._look_after(job)

    def _reconcile_forever(self, delay_s: float) -> None:
        if self._engine is None:
            self._nudge.wait(delay_s)
        while not self._stopping.is_set():
            self._nudge.clear()
            try:
                if self._engine is None:
                    self._launch()
                self.reconcile()
            except Exception:
                log.exception("the job reconciler met an error and goes on")
            self._nudge.wait(self.settings.scan_s if self._engine is not None else LAUNCH_AGAIN_S)

    def _do_chores(self) -> None:
        due = {chore.name: time.monotonic() + min(chore.every_s, CHORES_AFTER_S) for chore in self._chores}
        while not self._stopping.wait(CHORES_LOOK_S):
            for chore in self._chores:
                if time.monotonic() < due[chore.name] or self._stopping.is_set():
                    continue
                due[chore.name] = time.monotonic() + chore.every_s
                try:
                    chore.action()
                except Exception:
                    log.exception("the chore %s met an error; it is tried again later", chore.name)

    def _start(self, job: Job) -> None:
        engine = self.engine
        with self._database.transaction() as uow:
            store.mark_started(uow, job.id)
        engine.begin(job.id, job.name, job.subject_id)

    def _look_after(self, job: Job) -> None:
        """A row says started, but nothing runs here: DBOS is resuming it, has ended it, or never heard of it."""
        if not self.engine.is_known(job.id):
            self._start(job)
        elif ended := self.engine.find_end(job.id):
            self._end(job.id, ended, None)

    def _run(self, job_id: str, name: str, subject_id: str) -> None:
        """The one workflow: every job is it, under the row's id."""
        self._running.add(job_id)
        try:
            self._handlers[name](JobRun(job_id, subject_id, self))
            self.until_written(lambda: self._end(job_id, "succeeded", None))
        except JobCancelled:
            self.until_written(lambda: self._end(job_id, "cancelled", None))
        except Exception as cause:
            if self._stopping.is_set():
                raise JobInterrupted from cause
            if not isinstance(cause, JobFailed):
                log.exception("job %s (%s of %s) failed", job_id, name, subject_id)
            error = error_of(cause)
            self.until_written(lambda: self._end(job_id, "failed", error))
        finally:
            self._running.discard(job_id)
            self._nudge.set()

    def _end(self, job_id: str, state: Any, error: dict[str, Any] | None) -> None:
        with self._database.transaction() as uow:
            store.mark_ended(uow, job_id, state, self._clock.now(), error)


def _last_of(cause: Exception) -> Exception:
    errors = getattr(cause, "errors", None)
    return errors[-1] if isinstance(errors, list) and errors and isinstance(errors[-1], Exception) else cause
