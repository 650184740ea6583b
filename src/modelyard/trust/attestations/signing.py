"""Putting a signature on bytes."""

from __future__ import annotations

from modelyard.contracts.statements import Envelope, Signature, pre_authentication_encoding
from modelyard.infra.crypto.ed25519 import SigningKey


def sign(payload_type: str, payload: bytes, key: SigningKey) -> Envelope:
    """A DSSE envelope with one Ed25519 signature; the key id is derived from the public key."""
    signature = key.sign(pre_authentication_encoding(payload_type, payload))
    return Envelope(payload_type, payload, (Signature(key.key_id, signature),))
