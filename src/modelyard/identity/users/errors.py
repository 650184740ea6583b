"""What can go wrong with users."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class UserNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "users.not_found"
    message = "There is no user {name!r}."
    hint = "An administrator can list users and make them: modelyard users."


class UserNameTaken(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "users.name_taken"
    message = "A user named {name!r} exists already."
    hint = "Choose another name; a name is never given to a second person."


class PasswordRefused(PlatformError):
    """It is too weak. The password itself is never repeated."""

    kind = ErrorKind.INVALID
    code = "users.password_refused"
    message = "The password is not accepted: expected {expected}."
    hint = "Three or four unrelated words make a good one."


class PasswordWrong(PlatformError):
    """The old password, asked again before a change, does not match."""

    kind = ErrorKind.DENIED
    code = "users.password_wrong"
    message = "The old password is wrong."
    hint = "A lost password is reset by an administrator, or on the host: modelyard users reset-password NAME."


class PasswordChangeNeeded(PlatformError):
    kind = ErrorKind.DENIED
    code = "users.password_change_needed"
    message = "Your password was generated for one use. Choose your own before anything else."
    hint = "Run: modelyard login --user {name}. Or send POST /api/v1/me/password with old and new."


class LastAdministrator(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "users.last_administrator"
    message = "{name!r} is the only administrator who can log in."
    hint = "Make another administrator first."
