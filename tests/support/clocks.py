"""Clocks that stand still until a test moves them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class HandClock:
    """Implements `kernel.clock.Clock`."""

    def __init__(self, now: datetime = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, **parts: float) -> None:
        """`advance(minutes=5)`: the arguments of timedelta."""
        self._now += timedelta(**parts)
