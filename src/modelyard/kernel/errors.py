"""Errors as facts: a kind, a stable code, typed fields, a hint. No HTTP in here; each protocol has its own table.

    PlatformError
    ├── one subclass per fact, named for it (`ReleaseNotFound`), in the `errors.py` of its slice
    └── NotFound, Denied, Invalid: for facts so plain that a class would say nothing more

A message says what was got and what was expected; the hint says the next thing to do.
"""

from __future__ import annotations

import enum
from typing import Any, ClassVar


class ErrorKind(enum.Enum):
    """What went wrong, for every protocol's table: HTTP status, OIP status, exit code, job retry."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    DENIED = "denied"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    PRECONDITION = "precondition"
    LIMITED = "limited"
    NOT_READY = "not_ready"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    INTERNAL = "internal"


class PlatformError(Exception):
    """Base of every error that may reach a person.

    `message` and `hint` are templates over the fields given to the constructor; the fields travel as `params`.
    Codes are never reused; retired ones stay listed in the reference.
    """

    kind: ClassVar[ErrorKind] = ErrorKind.INTERNAL
    code: ClassVar[str] = "internal"
    message: ClassVar[str] = "Something went wrong on our side."
    hint: ClassVar[str] = ""

    def __init__(self, **params: Any) -> None:
        self.params = params
        super().__init__(self.detail)

    @property
    def detail(self) -> str:
        return self.message.format(**self.params)

    @property
    def next_step(self) -> str:
        return self.hint.format(**self.params)


class NotFound(PlatformError):
    """It does not exist, or the caller may not know that it does."""

    kind = ErrorKind.NOT_FOUND
    code = "not_found"
    message = "There is no {what} {name!r} that you may see."
    hint = "Check the name, or ask the project's owner for access."


class Denied(PlatformError):
    """The principal is known and may see the thing, but not do this to it."""

    kind = ErrorKind.DENIED
    code = "denied"
    message = "{principal} lacks the permission {permission} in {scope}."
    hint = "Ask an owner for a role that has it: modelyard projects grant {scope} USER ROLE."


class Unauthenticated(PlatformError):
    kind = ErrorKind.UNAUTHENTICATED
    code = "unauthenticated"
    message = "{reason}"
    hint = "Log in: modelyard login --user NAME."


class Invalid(PlatformError):
    """A field holds what it must not."""

    kind = ErrorKind.INVALID
    code = "invalid"
    message = "{field}: got {got}, expected {expected}."


class StaleEdit(PlatformError):
    """Someone else changed it since the caller read it (If-Match did not match)."""

    kind = ErrorKind.PRECONDITION
    code = "stale_edit"
    message = "{what} changed since you read it: you had {had}, it is now {now}."
    hint = "Read it again and repeat your change."
