"""Waiting in tests for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, timeout_s: float = 60.0, pause_s: float = 0.02) -> T:
    """The condition's first true value. Raises AssertionError after the time."""
    ends = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < ends, f"{what}: not within {timeout_s:.0f} s"
        time.sleep(pause_s)
    return value
