"""What was locked and made before. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.contracts.canonical import digest_of


@dataclass(frozen=True, slots=True)
class LockRequest:
    """`requirements` is the text that is locked; the same request gives the same lock as long as it is kept."""

    requirements: str
    python: str
    index: str

    @property
    def digest(self) -> str:
        return digest_of({"requirements": self.requirements, "python": self.python, "index": self.index})


@dataclass(frozen=True, slots=True)
class Lock:
    """`digest` is that of the lock's text, which is a blob of the project."""

    digest: str
    packages: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class Materialized:
    """An environment on a node. `packages`: [{name, version, licence}]."""

    environment_digest: str
    size_bytes: int
    packages: tuple[dict[str, str], ...]
