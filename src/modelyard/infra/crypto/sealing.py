"""AES-256-GCM for data at rest: sealed chunks, and keys wrapped by a key.

A sealed box is `nonce (12 bytes) | ciphertext | tag (16 bytes)`. Nonces are random: one key may seal 2^32 boxes before
a collision becomes likelier than 2^-32, and a chunk key seals exactly one.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
SEALED_OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES
_WRAP_CONTEXT = b"modelyard-key-wrap/1\x00"


class SealBroken(ValueError):
    """The box was changed, belongs elsewhere (other associated data), or the key is not the one that sealed it."""


def new_key() -> bytes:
    """32 random bytes."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Encrypts and authenticates. `associated` names what the box is, so that it can't be put elsewhere; it must not
    be empty. The result is 28 bytes longer than the plaintext."""
    _check(key, associated)
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated)


def open_sealed(key: bytes, box: bytes, associated: bytes) -> bytes:
    """The plaintext. Raises SealBroken."""
    _check(key, associated)
    if len(box) < SEALED_OVERHEAD_BYTES:
        raise SealBroken(f"a sealed box has at least {SEALED_OVERHEAD_BYTES} bytes, got {len(box)}")
    try:
        return AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], associated)
    except InvalidTag as cause:
        raise SealBroken("the sealed box does not open: changed, moved, or sealed with another key") from cause


def wrap_key(wrapping_key: bytes, key: bytes, associated: bytes) -> bytes:
    """Seals a 32-byte key with another. Apart from sealed data by its context: a box is never taken for a key."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, got {len(key)}")
    return seal(wrapping_key, key, _WRAP_CONTEXT + associated)


def unwrap_key(wrapping_key: bytes, wrapped: bytes, associated: bytes) -> bytes:
    """The key. Raises SealBroken."""
    key = open_sealed(wrapping_key, wrapped, _WRAP_CONTEXT + associated)
    if len(key) != KEY_BYTES:
        raise SealBroken(f"the box holds {len(key)} bytes, expected a key of {KEY_BYTES}")
    return key


def derive_key(key: bytes, purpose: str) -> bytes:
    """A 32-byte key for one purpose (HKDF-SHA256), so that no key does two jobs."""
    if not purpose:
        raise ValueError("a derived key has a purpose")
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(key)


def _check(key: bytes, associated: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, got {len(key)}")
    if not associated:
        raise ValueError("associated data names the box; it must not be empty")
