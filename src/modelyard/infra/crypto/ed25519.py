"""Ed25519 keys: one kind of signature everywhere, so that nothing is ever negotiated."""

from __future__ import annotations

import hashlib
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


class MalformedKey(ValueError):
    """The bytes are no Ed25519 key. The message never holds the bytes."""


def key_id(public_key: bytes) -> str:
    """`sha256:<hex>` of the raw public key: the same on every machine, and no secret."""
    return "sha256:" + hashlib.sha256(public_key).hexdigest()


class SigningKey:
    """A private key. Shows its id alone when printed, so that no log and no traceback can hold it."""

    __slots__ = ("_private", "key_id", "public_bytes")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_bytes: bytes = private.public_key().public_bytes_raw()
        self.key_id: str = key_id(self.public_bytes)

    @classmethod
    def generate(cls) -> Self:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Reads unencrypted PKCS #8. Raises MalformedKey for anything but an Ed25519 private key."""
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as cause:
            raise MalformedKey("not an unencrypted PKCS #8 PEM key") from cause
        if not isinstance(private, Ed25519PrivateKey):
            raise MalformedKey(f"the key is {type(private).__name__}, expected Ed25519")
        return cls(private)

    def to_pem(self) -> bytes:
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, message: bytes) -> bytes:
        """64 bytes, the same for the same message (RFC 8032)."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"

    def __reduce__(self) -> str:
        raise TypeError("a private key is not copied or pickled")


def is_signed_by(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is good. False, never an exception, for bytes that are no key or no signature."""
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
