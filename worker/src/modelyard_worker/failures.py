"""The two ways in which this package says no: to a caller (`Refused`) and to an author (`CheckFailure`)."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any


class Refused(Exception):
    """A request that gets an error answer. `status` is the HTTP status, `text` what was got, expected, and next."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class CheckFailure(Exception):
    """Why a model cannot be loaded or a check failed; becomes `CellJobFailure`, so `code` is stable."""

    def __init__(self, code: str, message: str, hint: str = "", details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = details or {}

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "hint": self.hint, "details": self.details}


def describe(error: BaseException) -> str:
    """`ValueError: bad input`, on one line and at most 500 characters."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__


def user_traceback(error: BaseException, files_dir: Path) -> str:
    """The traceback with only the frames of the author's files (all frames, where none is theirs)."""
    summary = traceback.TracebackException.from_exception(error)
    theirs = [frame for frame in summary.stack if frame.filename.startswith(str(files_dir))]
    frames = traceback.StackSummary.from_list(theirs or list(summary.stack))
    lines = ["Traceback (most recent call last):\n", *frames.format(), *summary.format_exception_only()]
    return "".join(lines).replace(f"{files_dir}/", "")[-8000:]
