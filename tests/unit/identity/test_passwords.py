from __future__ import annotations

import pytest

from modelyard.identity.users.domain import password_fault


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "ababababab", "y" * 257, "admin12345", "ADMIN-admin!"])
def test_password_weak_has_a_fault(password: str) -> None:
    assert password_fault(password, "admin", chars_min=10, chars_max=256) is not None


@pytest.mark.parametrize(
    "password", ["four unrelated words", "correct-horse-battery", "пароль не простой", "x1y2z3w4v5"]
)
def test_password_long_enough_has_none(password: str) -> None:
    assert password_fault(password, "admin", chars_min=10, chars_max=256) is None
