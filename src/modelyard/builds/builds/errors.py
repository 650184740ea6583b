"""This slice's errors."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class BuildNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "builds.not_found"
    message = "There is no build {number} that you may see."
    hint = "List them: GET /api/v1/projects/PROJECT/builds."


class BuildEnded(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "builds.ended"
    message = "Build {number} has {state} already, so it can't be cancelled."
    hint = "Push again for a new build."


class BuildNotRetriable(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "builds.not_retriable"
    message = "Build {number} is {state}; only a failed or cancelled one can be retried."
    hint = "Wait for it to end, or push again for a new build."


class SampleUnreadable(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.sample_unreadable"
    message = "{path}: {reason}."
    hint = "Write one row as a JSON object keyed by column name, or a list of such rows."


class MetricsUnreadable(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.metrics_unreadable"
    message = "metrics.json: {reason}."
    hint = 'Have the training script write names and numbers, such as {{"auc": 0.99}}.'
