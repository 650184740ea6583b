"""The only SQL of locks and environments."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from modelyard.builds.environments.domain import Lock, LockRequest, Materialized
from modelyard.builds.environments.tables import environment_locks, environments
from modelyard.infra.db.database import UnitOfWork


class EnvironmentStore:
    """Locks and environments of one project."""

    def __init__(self, uow: UnitOfWork, project_id: str) -> None:
        self._connection = uow.connection
        self._project_id = project_id

    def find_lock(self, request: LockRequest) -> Lock | None:
        table = environment_locks.c
        query = sa.select(table.lock_digest, table.packages).where(*self._this_lock(request))
        row = self._connection.execute(query).one_or_none()
        return Lock(row.lock_digest, tuple(row.packages)) if row else None

    def keep_lock(self, request: LockRequest, lock: Lock, now: datetime) -> None:
        """In the place of an earlier one."""
        self.forget_lock(request)
        row = {"lock_digest": lock.digest, "packages": list(lock.packages), "created_at": now}
        self._connection.execute(
            environment_locks.insert().values(project_id=self._project_id, request_digest=request.digest, **row)
        )

    def forget_lock(self, request: LockRequest) -> None:
        self._connection.execute(environment_locks.delete().where(*self._this_lock(request)))

    def find_environment(self, lock_digest: str, python: str) -> Materialized | None:
        row = self._connection.execute(sa.select(environments).where(*self._this(lock_digest, python))).one_or_none()
        return Materialized(row.environment_digest, row.size_bytes, tuple(row.packages)) if row else None

    def keep_environment(self, lock_digest: str, python: str, made: Materialized, now: datetime) -> None:
        """In the place of an earlier one."""
        self._connection.execute(environments.delete().where(*self._this(lock_digest, python)))
        self._connection.execute(
            environments.insert().values(
                project_id=self._project_id,
                lock_digest=lock_digest,
                python=python,
                environment_digest=made.environment_digest,
                size_bytes=made.size_bytes,
                packages=list(made.packages),
                created_at=now,
            )
        )

    def _this_lock(self, request: LockRequest) -> tuple[sa.ColumnElement[bool], ...]:
        table = environment_locks.c
        return table.project_id == self._project_id, table.request_digest == request.digest

    def _this(self, lock_digest: str, python: str) -> tuple[sa.ColumnElement[bool], ...]:
        table = environments.c
        return table.project_id == self._project_id, table.lock_digest == lock_digest, table.python == python
