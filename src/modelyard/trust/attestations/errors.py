"""Why an envelope is not believed."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class SignatureInvalid(PlatformError):
    """No trusted key signed these bytes as this type. `reason` says which of the ways it failed."""

    kind = ErrorKind.DENIED
    code = "attestations.signature_invalid"
    message = "The signed {payload_type} is not believed: {reason}."
    hint = "It was changed after signing, or signed by another installation. Have it signed again by this one."
