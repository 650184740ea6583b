"""Canonical JSON, and what of a stranger's JSON is taken."""

from __future__ import annotations

import pytest

from modelyard.contracts.canonical import canonical_json, digest_of, is_digest, strict_json
from modelyard.contracts.statements import Envelope, MalformedEnvelope


@pytest.mark.parametrize("text", ["NaN", "[-Infinity]", '{"a": 1e999}', "[" * 100_000, "{", ""])
def test_strict_json_refuses_what_no_other_reader_takes(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 the words are the json module's, differing by Python
        strict_json(text)


def test_strict_json_takes_what_canonical_json_wrote() -> None:
    value = {"b": [1, 2.5, None, True], "a": "\u00e4"}
    assert strict_json(canonical_json(value)) == value
    assert is_digest(digest_of(value))


@pytest.mark.parametrize("payload", ["\u00e4", "not base64!", 7, None])
def test_envelope_of_a_hand_edited_row_is_malformed(payload: object) -> None:
    with pytest.raises(MalformedEnvelope):
        Envelope.from_json({"payloadType": "x", "payload": payload, "signatures": []})
