from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from modelyard.identity.tokens.domain import Token, days_left, expiry_warning

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOKEN = Token("tk_1", "api", "service_account", "sa_1", "clinic-app", "pj_1", "demo", "", NOW, NOW, "ann")


@pytest.mark.parametrize(
    ("left", "days", "warning"),
    [
        (timedelta(days=30), 30, None),
        (timedelta(days=14), 14, None),
        (timedelta(days=13), 13, "It expires in 13 days. Make the next one now; both work until then."),
        (timedelta(hours=1), 1, "It expires in 1 day. Make the next one now; both work until then."),
        (timedelta(0), 0, "It has expired."),
        (timedelta(days=-3), 0, "It has expired."),
    ],
)
def test_token_near_its_end_warns(left: timedelta, days: int, warning: str | None) -> None:
    token = replace(TOKEN, expires_at=NOW + left)
    assert (days_left(token, NOW), expiry_warning(token, NOW)) == (days, warning)
    assert token.is_valid(NOW) is (left > timedelta(0))


def test_token_revoked_or_short_lived_by_nature_warns_not() -> None:
    soon = replace(TOKEN, expires_at=NOW + timedelta(days=1))
    assert expiry_warning(replace(soon, revoked_at=NOW), NOW) is None
    assert expiry_warning(replace(soon, kind="session"), NOW) is None
    assert not replace(soon, revoked_at=NOW).is_valid(NOW)
