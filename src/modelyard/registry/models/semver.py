"""Version numbers: `major.minor.patch` with an optional pre-release, ordered as semver.org 2.0.0 says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering
from typing import Self

_FORM = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?")
FIRST = "1.0.0"


@total_ordering
@dataclass(frozen=True, slots=True)
class SemVer:
    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no version number such as 1.2.0")
        major, minor, patch = (int(match[group]) for group in (1, 2, 3))
        return cls(major, minor, patch, tuple(match[4].split(".")) if match[4] else ())

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + (f"-{'.'.join(self.pre)}" if self.pre else "")

    def __lt__(self, other: SemVer) -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[object, ...]:
        # A pre-release comes before its release; numeric parts before words, and by value.
        pre = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre)
        return (self.major, self.minor, self.patch, not self.pre, pre)


def is_semver(text: str) -> bool:
    return _FORM.fullmatch(text) is not None


def newest(numbers: Iterable[str]) -> str | None:
    """The highest release; the highest pre-release when there is no release."""
    parsed = [SemVer.parse(number) for number in numbers]
    best = max((one for one in parsed if not one.pre), default=None) or max(parsed, default=None)
    return str(best) if best is not None else None


def next_patch(numbers: Iterable[str]) -> str:
    """The number after the highest; 1.0.0 for the first."""
    best = max((SemVer.parse(number) for number in numbers), default=None)
    if best is None:
        return FIRST
    return str(SemVer(best.major, best.minor, best.patch + (0 if best.pre else 1)))
