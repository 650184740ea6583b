"""What can go wrong with logging in."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class LoginRefused(PlatformError):
    """The same for a name that does not exist, a wrong password and a disabled user."""

    kind = ErrorKind.UNAUTHENTICATED
    code = "sessions.login_refused"
    message = "Name or password is wrong."
    hint = "A lost password is reset by an administrator, or on the host: modelyard users reset-password NAME."


class LoginThrottled(PlatformError):
    kind = ErrorKind.LIMITED
    code = "sessions.login_throttled"
    message = "Too many failed logins: try again in {retry_after_s} s."
    hint = "A lost password is reset by an administrator, or on the host: modelyard users reset-password NAME."
