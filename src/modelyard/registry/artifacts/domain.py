"""A file that a project holds."""

from __future__ import annotations

from dataclasses import dataclass

MISSING_DIGESTS_MAX = 5000


@dataclass(frozen=True, slots=True)
class Artifact:
    """`digest` is that of the plaintext."""

    digest: str
    size_bytes: int
