"""What can go wrong with endpoints."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class EndpointNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "endpoints.not_found"
    message = "There is no endpoint {name!r} in {project} that you may see."
    hint = "A first release makes one: modelyard release MODEL:VERSION --to {name}."


class EndpointNameTaken(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "endpoints.name_taken"
    message = "An endpoint named {name!r} exists already in {project}."
    hint = "Release to it, or choose another name."


class EndpointNotLive(PlatformError):
    kind = ErrorKind.NOT_READY
    code = "endpoints.not_live"
    message = "No version is live at {endpoint} yet."
    hint = "Its releases: modelyard releases. An approved one goes live within a second."
