"""The only SQL over job rows. They belong to no project: the subject's slice checks who may touch them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.jobs.domain import Job, JobState
from modelyard.infra.jobs.tables import job_runs

_OPEN = ("requested", "started")


def add_job(uow: UnitOfWork, job: Job) -> None:
    uow.connection.execute(
        job_runs.insert().values(
            id=job.id,
            name=job.name,
            subject_id=job.subject_id,
            state=job.state,
            requested_at=job.requested_at,
        )
    )


def find_job(uow: UnitOfWork, job_id: str) -> Job | None:
    row = uow.connection.execute(sa.select(job_runs).where(job_runs.c.id == job_id)).one_or_none()
    return _job(row) if row else None


def list_jobs_in(uow: UnitOfWork, state: JobState, names: Sequence[str], limit: int) -> list[Job]:
    """Oldest first."""
    query = sa.select(job_runs).where(job_runs.c.state == state, job_runs.c.name.in_(names))
    return [_job(row) for row in uow.connection.execute(query.order_by(job_runs.c.id).limit(limit))]


def mark_started(uow: UnitOfWork, job_id: str) -> None:
    _move(uow, job_id, ("requested",), {"state": "started"})


def mark_ended(uow: UnitOfWork, job_id: str, state: JobState, now: datetime, error: dict[str, Any] | None) -> bool:
    """Whether it was still open: a job ends once."""
    return _move(uow, job_id, _OPEN, {"state": state, "ended_at": now, "error": error})


def _move(uow: UnitOfWork, job_id: str, states: Sequence[str], values: dict[str, Any]) -> bool:
    change = job_runs.update().where(job_runs.c.id == job_id, job_runs.c.state.in_(states)).values(**values)
    return uow.connection.execute(change).rowcount == 1


def _job(row: sa.Row[Any]) -> Job:
    return Job(row.id, row.name, row.subject_id, row.state, row.requested_at)
