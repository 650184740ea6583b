"""Durable background work: job rows written in a request's transaction, run by DBOS. The only DBOS here."""

from modelyard.infra.jobs.domain import Job, JobCancelled, JobFailed, JobInterrupted, JobState, error_of, is_transient
from modelyard.infra.jobs.runner import Chore, JobHandler, JobRun, Jobs, JobsSettings

__all__ = [
    "Chore",
    "Job",
    "JobCancelled",
    "JobFailed",
    "JobHandler",
    "JobInterrupted",
    "JobRun",
    "JobState",
    "Jobs",
    "JobsSettings",
    "error_of",
    "is_transient",
]
