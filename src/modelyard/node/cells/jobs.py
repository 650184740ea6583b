"""Cell jobs from order to answer: verified, taken once, run a few at a time, answered even when they fail."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from modelyard.contracts.cell_job import CellJob, CellJobFailure, CellJobResult
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import PlatformError
from modelyard.node.cells.checks import CheckFailed, Checks
from modelyard.node.cells.job_log import JobLog
from modelyard.node.cells.ledger import JobLedger
from modelyard.node.control_plane import ControlPlane, ControlPlaneRefused, ControlPlaneUnavailable
from modelyard.node.environments.errors import UvTimeout
from modelyard.node.environments.locking import Locker
from modelyard.node.environments.materializing import Environments
from modelyard.node.supervisor.launcher_client import LauncherGone
from modelyard.node.verification import CellJobRefused, read_cell_job
from modelyard.node.versions.cache import VersionCache
from modelyard.trust.keys import NodeTrust

logger = logging.getLogger(__name__)
RESULT_RETRY_MAX_S = 30.0
RESULT_PATIENCE_S = 24 * 3600.0
AWAY_RETRY_MAX_S = 5.0
CONTROL_PLANE_PATIENCE_S = 24 * 3600.0

Work = Callable[[CellJob, JobLog], Awaitable[dict[str, Any]]]


class CellJobs:
    def __init__(
        self, control: ControlPlane, trust: NodeTrust, ledger: JobLedger, clock: Clock, *, locker: Locker,
        environments: Environments, cache: VersionCache, checks: Checks, jobs_max: int,
    ) -> None:  # fmt: skip
        self._control = control
        self._trust = trust
        self._ledger = ledger
        self._clock = clock
        self._locker = locker
        self._environments = environments
        self._cache = cache
        self._checks = checks
        self._slots = asyncio.Semaphore(jobs_max)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._kinds: dict[str, Work] = {
            "lock": self._lock, "materialize": self._materialize, "check": self._checks.check,
        }  # fmt: skip

    def accept(self, envelope_json: Any) -> None:
        """Begins the job, if it may run here and now and never ran before. Raises CellJobRefused.

        An order is repeated until its result arrives: one that is under way is passed over in silence, one that an
        earlier run of this agent did not finish is answered as interrupted. Nothing ever runs twice.
        """
        job = read_cell_job(envelope_json, self._trust, self._clock.now())
        if job.job_id in self._tasks:
            return
        if self._ledger.take(job.job_id, job.expires_at):
            self._begin(job, self._run(job))
            return
        failure = CellJobFailure("builds.job_interrupted", "The node restarted during the job.", "Retry the build.")
        self._begin(job, self._deliver(CellJobResult(job.job_id, failure=failure)))
        raise CellJobRefused(job_id=job.job_id, reason="it was run before")

    def _begin(self, job: CellJob, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"job-{job.job_id}")
        self._tasks[job.job_id] = task
        task.add_done_callback(lambda _task: self._tasks.pop(job.job_id, None))

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, job: CellJob) -> None:
        async with self._slots:
            log = JobLog(job.job_id, self._control.post_log)
            started = time.monotonic()
            result = await self._answer(job, log)
            seconds = round(time.monotonic() - started, 3)
            await log.close()
        await self._deliver(CellJobResult(job.job_id, result.result, result.failure, seconds))

    async def _answer(self, job: CellJob, log: JobLog) -> CellJobResult:
        try:
            work = self._kinds.get(job.kind)
            if work is None:
                raise CellJobRefused(job_id=job.job_id, reason=f"this node knows no job of kind {job.kind!r}")
            return CellJobResult(job.job_id, result=await self._work_on(job, log, work))
        except TimeoutError:
            return _failed(job, UvTimeout(what=f"The {job.kind} step", timeout_s=job.timeout_s))
        except Exception as problem:  # noqa: BLE001  every job is answered, whatever became of it
            return _failed(job, problem)

    async def _work_on(self, job: CellJob, log: JobLog, work: Work) -> dict[str, Any]:
        """Begins again for as long as the control plane, which has the job's files, is away: that is no fault of the
        model's, and its time does not count. Raises TimeoutError, and what the work raises."""
        pause_s, deadline = 0.2, time.monotonic() + CONTROL_PLANE_PATIENCE_S
        while True:
            try:
                async with asyncio.timeout(job.timeout_s + 5.0):
                    return await work(job, log)
            except ControlPlaneUnavailable as problem:
                if time.monotonic() > deadline:
                    raise
                logger.warning("job %s waits: %s", job.job_id, problem)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(AWAY_RETRY_MAX_S, pause_s * 2)

    async def _lock(self, job: CellJob, log: JobLog) -> dict[str, Any]:
        inputs = job.inputs
        return await self._locker.lock(
            str(inputs["requirements"]), str(inputs["python"]), str(inputs.get("index") or "default"),
            job.timeout_s, log.line,
        )  # fmt: skip

    async def _materialize(self, job: CellJob, log: JobLog) -> dict[str, Any]:
        inputs = job.inputs
        lock_path = await self._cache.get_blob(str(inputs["lock_digest"]))
        environment = await self._environments.materialize(
            lock_path.read_text(), str(inputs["python"]), inputs.get("index") or "default", job.timeout_s, log.line
        )
        return {
            "environment_digest": environment.digest,
            "size_bytes": environment.size_bytes,
            "reused": environment.reused,
            "packages": list(environment.packages),
            "licences": environment.licences,
        }

    async def _deliver(self, result: CellJobResult) -> None:
        """Until the control plane has it, for a day: it may be restarting, or away."""
        pause_s, deadline = 0.2, time.monotonic() + RESULT_PATIENCE_S
        while time.monotonic() < deadline:
            try:
                await self._control.post_result(result)
                return
            except ControlPlaneUnavailable as problem:
                logger.warning("result of job %s: %s", result.job_id, problem)
            except ControlPlaneRefused as problem:
                logger.error("result of job %s: %s", result.job_id, problem)
                if result.failure is not None:
                    return
                failure = CellJobFailure("builds.result_invalid", f"The result was not taken: {problem}", "")
                result = CellJobResult(result.job_id, failure=failure, seconds=result.seconds)
            with suppress(asyncio.TimeoutError):
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(RESULT_RETRY_MAX_S, pause_s * 2)


def _failed(job: CellJob, problem: BaseException) -> CellJobResult:
    again = "Retry the build."
    if isinstance(problem, CheckFailed):
        failure = problem.failure
    elif isinstance(problem, PlatformError):
        details = {name: value for name, value in problem.params.items() if isinstance(value, (str, int, float, bool))}
        failure = CellJobFailure(problem.code, problem.detail, problem.next_step, details)
    elif isinstance(problem, LauncherGone):
        failure = CellJobFailure("builds.node_restarted", "The node's launcher ended during the job.", again)
    elif isinstance(problem, (KeyError, TypeError, ValueError)):
        failure = CellJobFailure("builds.job_invalid", f"The job's inputs are malformed: {problem!r}.", again)
    else:
        logger.error("job %s failed", job.job_id, exc_info=problem)
        failure = CellJobFailure("builds.node_error", f"The node failed: {type(problem).__name__}.", again)
    return CellJobResult(job.job_id, failure=failure)
