"""A job row, and which errors are worth another try."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from modelyard.kernel.errors import ErrorKind, PlatformError

JobState = Literal["requested", "started", "succeeded", "failed", "cancelled"]

TRANSIENT = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT, ErrorKind.LIMITED, ErrorKind.NOT_READY})
"""Kinds that another try may cure; all others would fail the same way again."""


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    name: str
    subject_id: str
    state: JobState
    requested_at: datetime


class JobFailed(Exception):
    """A step ended in an error for good; `error` is {kind, code, detail, hint, params}."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.error = error
        super().__init__(error["detail"])

    def __reduce__(self) -> tuple[type[JobFailed], tuple[dict[str, Any]]]:
        return JobFailed, (self.error,)


class JobCancelled(BaseException):
    """The job was cancelled; the handler ends without cleaning anything that a later attempt could use."""


class JobInterrupted(BaseException):
    """The process is stopping. Not an Exception, so that no outcome is recorded and the next start resumes the job."""


def error_of(cause: Exception) -> dict[str, Any]:
    """Any exception as the JSON that is stored; internal detail stays out."""
    if isinstance(cause, JobFailed):
        return cause.error
    error = cause if isinstance(cause, PlatformError) else PlatformError()
    params = {k: v if isinstance(v, (int, float, bool)) else str(v) for k, v in error.params.items()}
    return {
        "kind": error.kind.value,
        "code": error.code,
        "detail": error.detail,
        "hint": error.next_step,
        "params": params,
    }


def is_transient(cause: BaseException) -> bool:
    return isinstance(cause, PlatformError) and cause.kind in TRANSIENT
