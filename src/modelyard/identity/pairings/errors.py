"""What can go wrong with pairings."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class PairingNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "pairings.not_found"
    message = "There is no pairing {pairing_id!r} in {project}."
    hint = "List them: modelyard allow --list --project {project}."


class PairingExists(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "pairings.exists"
    message = "{caller} may call {endpoint} already, for {purpose!r}."
    hint = "To change the purpose, deny first: modelyard deny {caller} {endpoint}."


class PairingEndpointUnknown(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "pairings.endpoint_unknown"
    message = "There is no endpoint {endpoint!r} in {project}."
    hint = "An endpoint begins with its first release: modelyard release MODEL:VERSION --to {endpoint}."
