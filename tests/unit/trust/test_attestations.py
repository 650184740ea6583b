from __future__ import annotations

import json
from dataclasses import replace

import pytest

from modelyard.contracts.statements import IN_TOTO_PAYLOAD, Envelope, Signature
from modelyard.trust.attestations import SignatureInvalid, SigningKey, sign, verify

KEY, OTHER = SigningKey.generate(), SigningKey.generate()
KEYS = {KEY.key_id: KEY.public_bytes}
PAYLOAD = b'{"approved":true}'


def refused(envelope: Envelope, payload_type: str = IN_TOTO_PAYLOAD) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        verify(envelope, payload_type, KEYS)
    return str(caught.value.params["reason"])


def test_envelope_signed_and_sent_is_believed() -> None:
    envelope = sign(IN_TOTO_PAYLOAD, PAYLOAD, KEY)
    arrived = Envelope.from_json(json.loads(json.dumps(envelope.to_json())))
    assert verify(arrived, IN_TOTO_PAYLOAD, KEYS) == PAYLOAD


def test_envelope_of_another_type_is_refused_either_way() -> None:
    envelope = sign("application/other", PAYLOAD, KEY)
    assert "its type is" in refused(envelope)
    assert "does not match" in refused(replace(envelope, payload_type=IN_TOTO_PAYLOAD))


def test_envelope_changed_after_signing_is_refused() -> None:
    envelope = sign(IN_TOTO_PAYLOAD, PAYLOAD, KEY)
    assert "does not match" in refused(replace(envelope, payload=PAYLOAD + b" "))
    changed = replace(envelope.signatures[0], sig=bytes(64))
    assert "does not match" in refused(replace(envelope, signatures=(changed,)))


def test_envelope_of_an_unknown_or_no_key_is_refused() -> None:
    assert "no key" in refused(sign(IN_TOTO_PAYLOAD, PAYLOAD, OTHER))
    assert "no key" in refused(Envelope(IN_TOTO_PAYLOAD, PAYLOAD, ()))


def test_envelope_signed_by_another_key_under_our_id_is_refused() -> None:
    foreign = sign(IN_TOTO_PAYLOAD, PAYLOAD, OTHER)
    assert "does not match" in refused(replace(foreign, signatures=(Signature(KEY.key_id, foreign.signatures[0].sig),)))


def test_envelope_with_an_unknown_second_signature_is_believed() -> None:
    ours, theirs = (sign(IN_TOTO_PAYLOAD, PAYLOAD, key) for key in (KEY, OTHER))
    both = replace(ours, signatures=theirs.signatures + ours.signatures)
    assert verify(both, IN_TOTO_PAYLOAD, KEYS) == PAYLOAD


def test_envelope_with_hundreds_of_signatures_is_refused_without_trying_them() -> None:
    ours = sign(IN_TOTO_PAYLOAD, PAYLOAD, KEY)
    assert "more than 8" in refused(replace(ours, signatures=ours.signatures * 200))
