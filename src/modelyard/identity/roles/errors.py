"""What can go wrong with roles."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class MemberNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "roles.member_not_found"
    message = "{member!r} is no member of {project}."
    hint = "List them: modelyard projects members {project}."


class RoleNotForServiceAccounts(PlatformError):
    kind = ErrorKind.INVALID
    code = "roles.not_for_service_accounts"
    message = "A service account can't be {role}: got {role}, expected viewer or developer."
    hint = "Approving, operating and owning are for people."
