"""The keys of one installation, made at its first start."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from modelyard.infra.crypto.ed25519 import SigningKey
from modelyard.infra.crypto.jwt import jwk_set
from modelyard.infra.crypto.key_files import UnsafeKeyFile, open_signing_key, read_or_create
from modelyard.infra.crypto.sealing import KEY_BYTES, derive_key, new_key
from modelyard.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class KeyRing:
    """`token` signs tokens; `release` signs release and preview statements; `order` signs desired state and cell jobs;
    `kek` (32 bytes) wraps the keys of blobs and secrets. `installation` is the id that everything signed names.

    One key for one job: a fault in the code of one signature can't make another.
    """

    installation: str
    token: SigningKey
    release: SigningKey
    order: SigningKey
    kek: bytes = field(repr=False)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Reads the folder, making what is missing at first start: `installation`, `{token,release,order}.pem`,
        `kek.key`. Raises UnsafeKeyFile or MalformedKey rather than going on with a key that others could have read."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        kek = read_or_create(directory / "kek.key", new_key)
        if len(kek) != KEY_BYTES:
            raise UnsafeKeyFile(f"{directory / 'kek.key'} has {len(kek)} bytes, expected {KEY_BYTES}. Restore it.")
        installation = read_or_create(directory / "installation", lambda: new_id("in").encode()).decode().strip()
        if not installation.startswith("in_"):
            raise UnsafeKeyFile(f"{directory / 'installation'} holds no installation id. Restore it from a backup.")
        token, release, order = (open_signing_key(directory / f"{name}.pem") for name in ("token", "release", "order"))
        return cls(installation, token, release, order, kek)

    def token_keys(self) -> dict[str, bytes]:
        """Key id -> raw public key, of every key whose tokens are accepted."""
        return {self.token.key_id: self.token.public_bytes}

    def token_jwks(self) -> dict[str, Any]:
        """The same as JWK set, for Envoy."""
        return jwk_set(self.token_keys())

    def release_keys(self) -> dict[str, bytes]:
        return {self.release.key_id: self.release.public_bytes}

    def order_keys(self) -> dict[str, bytes]:
        return {self.order.key_id: self.order.public_bytes}

    def derived_key(self, purpose: str) -> bytes:
        """32 bytes for one purpose, from the key-encryption key."""
        return derive_key(self.kek, purpose)
