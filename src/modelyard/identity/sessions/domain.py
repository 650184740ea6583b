"""How long to wait after failed logins: pure rules over counters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

NAME_FAILURES_FREE = 5
NAME_WAIT_S_MAX = 900
FORGET_AFTER = timedelta(hours=1)
# The installation's own bound stops one guess at many names; it is wide, so that a guesser can't lock everybody out
# for long, and ends with its minute.
INSTALLATION_FAILURES_MAX = 120
INSTALLATION_WINDOW = timedelta(minutes=1)
INSTALLATION_SUBJECT = "installation"


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed attempts of one subject (a name, or the installation), the first and the last of them."""

    count: int
    since: datetime
    last_at: datetime


def name_wait(failures: Failures | None, now: datetime) -> timedelta:
    """How long that name must wait: nothing for five failures, then 1, 2, 4 … seconds up to 15 minutes."""
    if failures is None or failures.count < NAME_FAILURES_FREE or now - failures.last_at > FORGET_AFTER:
        return timedelta(0)
    seconds = min(NAME_WAIT_S_MAX, 2 ** min(failures.count - NAME_FAILURES_FREE, 20))
    return max(timedelta(0), failures.last_at + timedelta(seconds=seconds) - now)


def installation_wait(failures: Failures | None, now: datetime) -> timedelta:
    """How long everybody must wait: until the minute ends in which there were too many failures."""
    if failures is None or failures.count < INSTALLATION_FAILURES_MAX:
        return timedelta(0)
    return max(timedelta(0), failures.since + INSTALLATION_WINDOW - now)


def add_failure(failures: Failures | None, now: datetime, *, forget_after: timedelta) -> Failures:
    """One more; an old count starts anew. For a name it is old when its last failure is, so that slow guessing counts;
    for the installation when its minute is over."""
    if failures is None:
        return Failures(1, now, now)
    edge = failures.since if forget_after == INSTALLATION_WINDOW else failures.last_at
    return Failures(1, now, now) if now - edge > forget_after else Failures(failures.count + 1, failures.since, now)
