from __future__ import annotations

from datetime import UTC, datetime, timedelta

from modelyard.identity.sessions.domain import (
    FORGET_AFTER,
    INSTALLATION_WINDOW,
    Failures,
    add_failure,
    installation_wait,
    name_wait,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_name_wait_doubles_after_five_failures_up_to_15_minutes() -> None:
    waits = [name_wait(Failures(count, NOW, NOW), NOW).total_seconds() for count in range(20)]
    assert waits == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900]
    assert name_wait(Failures(10**9, NOW, NOW), NOW) == timedelta(minutes=15)


def test_name_wait_runs_down_and_is_forgotten_after_an_hour() -> None:
    failures = Failures(10, NOW, NOW)
    assert name_wait(failures, NOW + timedelta(seconds=30)) == timedelta(seconds=2)
    assert name_wait(failures, NOW + timedelta(seconds=32)) == timedelta(0)
    assert name_wait(None, NOW) == timedelta(0)


def test_installation_wait_ends_with_its_minute() -> None:
    failures = Failures(120, NOW, NOW + timedelta(seconds=50))
    assert installation_wait(failures, NOW + timedelta(seconds=50)) == timedelta(seconds=10)
    assert installation_wait(failures, NOW + timedelta(seconds=61)) == timedelta(0)
    assert installation_wait(Failures(119, NOW, NOW), NOW) == timedelta(0)


def test_failures_of_a_name_are_counted_over_slow_guessing() -> None:
    failures = None
    for attempt in range(8):
        failures = add_failure(failures, NOW + timedelta(minutes=30 * attempt), forget_after=FORGET_AFTER)
    assert failures is not None
    assert failures.count == 8
    assert add_failure(failures, failures.last_at + timedelta(hours=2), forget_after=FORGET_AFTER).count == 1


def test_failures_of_the_installation_start_anew_each_minute_even_under_attack() -> None:
    failures = None
    for second in range(130):
        failures = add_failure(failures, NOW + timedelta(seconds=second), forget_after=INSTALLATION_WINDOW)
    assert failures is not None
    assert failures.count == 8
