"""What can go wrong between us and the database, in words for a person."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class DatabaseFull(PlatformError):
    kind = ErrorKind.UNAVAILABLE
    code = "database.full"
    message = "The installation's disk is full: the database can't write ({reason}). Nothing was changed."
    hint = "Free space where the database lies, then send the same request again."
