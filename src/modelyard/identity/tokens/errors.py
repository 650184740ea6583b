"""What can go wrong with tokens."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class TokenNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "tokens.not_found"
    message = "There is no token {token_id!r} in {project}."
    hint = "List them: modelyard tokens --project {project}."


class TokenNotForItself(PlatformError):
    """A stolen token must not be able to outlive itself."""

    kind = ErrorKind.DENIED
    code = "tokens.not_for_itself"
    message = "A token can't make tokens for itself."
    hint = "Log in with your password first, or have an owner make one for the service account."
