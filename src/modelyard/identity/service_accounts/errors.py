"""What can go wrong with service accounts."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class ServiceAccountNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "service_accounts.not_found"
    message = "There is no service account {name!r} in {project}."
    hint = "Make it by allowing it somewhere: modelyard allow {name} ENDPOINT --purpose WHY."


class ServiceAccountNameTaken(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "service_accounts.name_taken"
    message = "A service account named {name!r} exists already in {project}."
    hint = "Use it, or choose another name."
