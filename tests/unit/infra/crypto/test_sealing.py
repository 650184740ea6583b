from __future__ import annotations

import pytest

from modelyard.infra.crypto.sealing import (
    SEALED_OVERHEAD_BYTES,
    SealBroken,
    derive_key,
    new_key,
    open_sealed,
    seal,
    unwrap_key,
    wrap_key,
)

KEY = new_key()


@pytest.mark.parametrize("plain", [b"", b"x", b"rows" * 100_000])
def test_seal_opened_with_its_key_and_name_gives_the_plaintext(plain: bytes) -> None:
    box = seal(KEY, plain, b"chunk 1")
    assert open_sealed(KEY, box, b"chunk 1") == plain
    assert len(box) == len(plain) + SEALED_OVERHEAD_BYTES
    assert seal(KEY, plain, b"chunk 1") != box


def test_seal_with_any_byte_changed_is_broken() -> None:
    box = seal(KEY, b"secret rows", b"chunk 1")
    for place in range(len(box)):
        changed = bytearray(box)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            open_sealed(KEY, bytes(changed), b"chunk 1")


def test_seal_moved_shortened_or_under_another_key_is_broken() -> None:
    box = seal(KEY, b"secret rows", b"chunk 1")
    for key, moved, name in (
        (KEY, box, b"chunk 2"),
        (new_key(), box, b"chunk 1"),
        (KEY, box[:-1], b"chunk 1"),
        (KEY, b"", b"chunk 1"),
    ):
        with pytest.raises(SealBroken):
            open_sealed(key, moved, name)


def test_seal_without_a_name_or_with_a_short_key_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="associated"):
        seal(KEY, b"x", b"")
    with pytest.raises(ValueError, match="32 bytes"):
        seal(b"short", b"x", b"chunk 1")


def test_wrapped_key_unwraps_and_is_never_taken_for_data() -> None:
    key = new_key()
    wrapped = wrap_key(KEY, key, b"project pj_1")
    assert unwrap_key(KEY, wrapped, b"project pj_1") == key
    with pytest.raises(SealBroken):
        unwrap_key(KEY, wrapped, b"project pj_2")
    with pytest.raises(SealBroken):
        open_sealed(KEY, wrapped, b"project pj_1")
    with pytest.raises(SealBroken):
        unwrap_key(KEY, seal(KEY, key, b"project pj_1"), b"project pj_1")


def test_derived_keys_differ_by_purpose_and_repeat() -> None:
    assert derive_key(KEY, "cursor") == derive_key(KEY, "cursor")
    assert len({KEY, derive_key(KEY, "cursor"), derive_key(KEY, "other")}) == 3
