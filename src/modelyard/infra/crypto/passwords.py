"""Passwords: argon2id hashes, and one-time passwords that people can read out."""

from __future__ import annotations

import base64
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PASSWORD_CHARS_MIN = 10
PASSWORD_CHARS_MAX = 256
_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"  # without look-alikes; 30 letters, 4.9 bits each
_GROUPS, _GROUP_CHARS = 5, 5


class PasswordHashing:
    """argon2id (RFC 9106, second recommendation: 64 MiB, 3 passes). `is_correct` takes the same time for a name that
    does not exist. At most `at_once` hashes run together: each holds `memory_kib` and a core."""

    def __init__(self, *, memory_kib: int = 64 * 1024, passes: int = 3, at_once: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=2)
        self._turns = threading.BoundedSemaphore(at_once)
        self._decoy = _decoy_of(self._hasher)

    def hash(self, password: str) -> str:
        """The encoded hash with its salt and parameters."""
        with self._turns:
            return self._hasher.hash(password)

    def is_correct(self, password: str, encoded: str | None) -> bool:
        """Whether the password made the hash. `encoded` None (no such user) is hashed against a decoy and is False."""
        with self._turns:
            try:
                self._hasher.verify(self._decoy if encoded is None else encoded, password)
            except (VerificationError, InvalidHashError):
                return False
        return encoded is not None

    def is_outdated(self, encoded: str) -> bool:
        """Whether today's parameters differ, so that the next login should hash anew."""
        return self._hasher.check_needs_rehash(encoded)


def _decoy_of(hasher: PasswordHasher) -> str:
    """A hash of no password, as costly to verify as any; not computed, as that would take a tenth of a start."""
    salt, key = (base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}${salt}${key}"


def new_one_time_password() -> str:
    """Five groups of five letters and digits, 122 random bits."""
    letters = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_CHARS)) for _ in range(_GROUPS))
    return "-".join(letters)
