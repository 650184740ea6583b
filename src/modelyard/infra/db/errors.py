"""What can go wrong between us and the database, in words for a person."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class DatabaseFull(PlatformError):
    kind = ErrorKind.UNAVAILABLE
    code = "database.full"
    message = "The installation's disk is full: the database can't write ({reason}). Nothing was changed."
    hint = "Free space where the database lies, then send the same request again."


# Full; and, of input and output errors, that the index of the write-ahead log can't grow.
_SQLITE_FULL = frozenset({13, 10 | 19 << 8})
_POSTGRESQL_FULL = "53100"


def find_full(cause: BaseException | None) -> DatabaseFull | None:
    """A driver's error, or one that wraps it, in our words if it says that the disk is full."""
    cause = getattr(cause, "orig", None) or cause
    number, state = getattr(cause, "sqlite_errorcode", None), getattr(cause, "sqlstate", None)
    is_full = number in _SQLITE_FULL or state == _POSTGRESQL_FULL
    return DatabaseFull(reason=str(cause).splitlines()[0][:200]) if is_full else None
