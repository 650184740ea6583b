"""This slice's errors."""

from __future__ import annotations

from typing import Any

from modelyard.kernel.errors import ErrorKind, PlatformError


class CellJobFailed(PlatformError):
    """What the node or the cell said; code, message and hint are passed on as they are."""

    kind = ErrorKind.INVALID
    code = "builds.cell_job_failed"
    message = "{text}"
    hint = "{advice}"

    def __init__(self, *, code: str, text: str, advice: str, details: dict[str, Any] | None = None) -> None:
        self.told_code = code
        super().__init__(
            text=text, advice=advice, told_code=code, **{f"cell_{k}": v for k, v in (details or {}).items()}
        )


class NodeAbsent(PlatformError):
    kind = ErrorKind.PRECONDITION
    code = "builds.node_absent"
    message = "No node took the {kind} step within {waited_s:.0f} s."
    hint = "See `modelyard doctor`: is the node's process running? Then retry the build."


class NodeLost(PlatformError):
    kind = ErrorKind.PRECONDITION
    code = "builds.node_lost"
    message = "The node ended during the {kind} step {times} times."
    hint = "See the node's log for what ends it, then retry the build."


class ResultInvalid(PlatformError):
    """What came back is not what such a job gives: a faulty node, or a model that forges its result."""

    kind = ErrorKind.INVALID
    code = "builds.result_invalid"
    message = "The {kind} step's result can't be used: {reason}."
    hint = "Retry the build. If it stays, something in the model writes to its own result, or the node is not ours."


class OrderNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "builds.order_not_found"
    message = "This node was never given the job {job_id!r}."
    hint = "The job may have been given to another node; nothing to do."


class BodyTooLarge(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.body_too_large"
    message = "The body has more than {size_bytes_max} bytes."
    hint = "Cut logs and outputs; a result holds no model data."


class NodeSilent(PlatformError):
    kind = ErrorKind.UNAVAILABLE
    code = "nodes.silent"
    message = "No node answered the question {question} within {timeout_s:g} s."
    hint = "See `modelyard doctor`: is the node's process running?"
