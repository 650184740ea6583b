"""Use cases: a lock for requirements, an environment for a lock; made by a cell job, or found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelyard.builds.cells.domain import Ask
from modelyard.builds.cells.errors import CellJobFailed
from modelyard.builds.cells.results import read_lock, read_materialize
from modelyard.builds.cells.service import CellService
from modelyard.builds.environments.domain import Lock, LockRequest, Materialized
from modelyard.builds.environments.store import EnvironmentStore
from modelyard.identity.projects.domain import Project
from modelyard.infra.db.database import Database
from modelyard.kernel.clock import Clock
from modelyard.registry.artifacts.service import ArtifactService

# What a node says when a lock can no longer be installed: a package has left its index.
_LOCK_IS_STALE = "builds.environment_failed"


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom the work is done, how long it may take, and when to stop waiting for it."""

    project: Project
    subject_id: str
    timeout_s: float
    check_wanted: Callable[[], None]


class EnvironmentService:
    """See the module. Callers have opened the project."""

    def __init__(self, database: Database, cells: CellService, artifacts: ArtifactService, clock: Clock) -> None:
        self._database = database
        self._cells = cells
        self._artifacts = artifacts
        self._clock = clock

    def lock(self, asker: Asker, request: LockRequest, *, anew: bool = False) -> tuple[Lock, bool]:
        """The lock, and whether it was there. Raises CellJobFailed, NodeAbsent, NodeLost, ResultInvalid."""
        project = asker.project
        if not anew:
            with self._database.reading() as uow:
                known = EnvironmentStore(uow, project.id).find_lock(request)
            if known is not None:
                return known, True
        inputs = {"requirements": request.requirements, "python": request.python, "index": request.index}
        ask = Ask(project.id, project.name, asker.subject_id, "lock", "lock", inputs, (), asker.timeout_s)
        result, _ = self._cells.run(ask, asker.check_wanted)
        found = read_lock(result)
        blob = self._artifacts.put_bytes(project.id, project.name, found.lock.encode())
        lock = Lock(blob.digest, found.packages)
        with self._database.transaction() as uow:
            EnvironmentStore(uow, project.id).keep_lock(request, lock, self._clock.now())
        return lock, False

    def materialize(self, asker: Asker, request: LockRequest, lock: Lock) -> tuple[Materialized, bool]:
        """The environment, and whether it was there. A lock that can't be installed any more is forgotten, so that the
        next push locks anew."""
        project = asker.project
        with self._database.reading() as uow:
            known = EnvironmentStore(uow, project.id).find_environment(lock.digest, request.python)
        if known is not None:
            return known, True
        inputs = {"lock_digest": lock.digest, "python": request.python, "index": request.index}
        ask = Ask(
            project.id, project.name, asker.subject_id, "environment", "materialize", inputs, (lock.digest,),
            asker.timeout_s,
        )  # fmt: skip
        try:
            result, _ = self._cells.run(ask, asker.check_wanted)
        except CellJobFailed as failure:
            if failure.told_code == _LOCK_IS_STALE:
                with self._database.transaction() as uow:
                    EnvironmentStore(uow, project.id).forget_lock(request)
            raise
        found = read_materialize(result)
        made = Materialized(found.environment_digest, found.size_bytes, found.packages)
        with self._database.transaction() as uow:
            EnvironmentStore(uow, project.id).keep_environment(lock.digest, request.python, made, self._clock.now())
        return made, found.reused
