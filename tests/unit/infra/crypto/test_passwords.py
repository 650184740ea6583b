from __future__ import annotations

import re

import pytest
from argon2.exceptions import VerifyMismatchError

from modelyard.infra.crypto.passwords import PasswordHashing, new_one_time_password

CHEAP = PasswordHashing(memory_kib=64, passes=1)


def test_password_is_correct_for_its_own_hash_alone() -> None:
    encoded = CHEAP.hash("four unrelated words here")
    assert encoded.startswith("$argon2id$")
    assert CHEAP.is_correct("four unrelated words here", encoded)
    assert not CHEAP.is_correct("four unrelated words herE", encoded)
    assert not CHEAP.is_correct("four unrelated words here", None)
    assert not CHEAP.is_correct("four unrelated words here", "no hash")


def test_decoy_is_computed_like_a_hash_of_today_and_matches_nothing() -> None:
    decoy, encoded = CHEAP._decoy, CHEAP.hash("four unrelated words here")
    assert decoy.split("$")[:4] == encoded.split("$")[:4]
    assert [len(part) for part in decoy.split("$")] == [len(part) for part in encoded.split("$")]
    with pytest.raises(VerifyMismatchError):  # any other error would mean that no hash was computed
        CHEAP._hasher.verify(decoy, "four unrelated words here")


def test_password_hash_under_other_parameters_is_outdated() -> None:
    encoded = CHEAP.hash("four unrelated words here")
    assert not CHEAP.is_outdated(encoded)
    assert PasswordHashing(memory_kib=128, passes=1).is_outdated(encoded)


def test_one_time_passwords_are_readable_and_differ() -> None:
    made = {new_one_time_password() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"([a-hjkmnp-z2-9]{5}-){4}[a-hjkmnp-z2-9]{5}", password) for password in made)
