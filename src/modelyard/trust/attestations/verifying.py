"""Believing signed bytes, or not."""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.contracts.statements import Envelope, pre_authentication_encoding
from modelyard.infra.crypto.ed25519 import is_signed_by
from modelyard.trust.attestations.errors import SignatureInvalid

SIGNATURES_MAX = 8


def verify(envelope: Envelope, payload_type: str, keys: Mapping[str, bytes]) -> bytes:
    """The payload, if one of `keys` (key id -> raw public key) signed it as this very type.

    Use only what this returns. Signatures by unknown keys are passed over, as DSSE wants; a signature under the id of
    a known key that does not match is an attack or a fault, and refuses the whole. Raises SignatureInvalid.
    """
    if envelope.payload_type != payload_type:
        raise SignatureInvalid(payload_type=payload_type, reason=f"its type is {envelope.payload_type[:100]!r}")
    if len(envelope.signatures) > SIGNATURES_MAX:
        raise SignatureInvalid(payload_type=payload_type, reason=f"it has more than {SIGNATURES_MAX} signatures")
    message = pre_authentication_encoding(payload_type, envelope.payload)
    known = [(keys[s.keyid], s.sig) for s in envelope.signatures if s.keyid in keys]
    if not known:
        raise SignatureInvalid(payload_type=payload_type, reason="no key that is trusted here signed it")
    if not all(is_signed_by(key, signature, message) for key, signature in known):
        raise SignatureInvalid(payload_type=payload_type, reason="the signature does not match its bytes")
    return envelope.payload
