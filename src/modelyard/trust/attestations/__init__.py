"""DSSE envelopes, signed and verified with Ed25519."""

from modelyard.infra.crypto.ed25519 import SigningKey
from modelyard.trust.attestations.errors import SignatureInvalid
from modelyard.trust.attestations.signing import sign
from modelyard.trust.attestations.verifying import verify

__all__ = ["SignatureInvalid", "SigningKey", "sign", "verify"]
