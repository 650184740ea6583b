"""The negative corpus: every way in which other libraries have been talked into believing a token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from modelyard.infra.crypto.ed25519 import SigningKey
from modelyard.infra.crypto.jwt import Claims, TokenRefused, encode_jwt, jwk_set, public_jwk, verify_jwt

KEY = SigningKey.generate()
ATTACKER = SigningKey.generate()
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
T = int(NOW.timestamp())
GOOD = Claims("in_1", "modelyard", "us_1", "tk_1", "session", T, T + 60, "demo")
HEADER = {"alg": "EdDSA", "typ": "JWT", "kid": KEY.key_id}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forge(header: Any = HEADER, claims: Any = None, key: SigningKey = KEY, signature: str | None = None) -> str:
    """A token of anything, rightly signed unless a signature is given. Bytes go in as they are."""
    parts = [
        b64(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (header, GOOD.to_json() if claims is None else claims)
    ]
    signed = ".".join(parts)
    return f"{signed}.{b64(key.sign(signed.encode())) if signature is None else signature}"


def check(token: str, find_key: Callable[[str], bytes | None] | None = None, **changed: Any) -> Claims:
    settings: dict[str, Any] = {
        "issuer": "in_1", "audience": "modelyard", "kinds": frozenset({"session", "api"}), "now": NOW, **changed,
    }  # fmt: skip
    return verify_jwt(token, find_key or {KEY.key_id: KEY.public_bytes}.get, **settings)


def refusal(token: str, **changed: Any) -> str:
    with pytest.raises(TokenRefused) as caught:
        check(token, **changed)
    assert token[:40] not in str(caught.value)
    return caught.value.reason


def claims_with(**changed: Any) -> dict[str, Any]:
    return {**GOOD.to_json(), **changed}


def test_token_good_gives_its_claims_and_is_the_same_text_each_time() -> None:
    assert check(encode_jwt(GOOD, KEY)) == GOOD
    assert encode_jwt(GOOD, KEY) == encode_jwt(GOOD, KEY)
    assert check(forge()) == GOOD


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "", None, "HS256", "RS256", "ES256", "Ed25519", 1, ["EdDSA"]]
)
def test_token_with_another_algorithm_is_refused(alg: object) -> None:
    assert refusal(forge({**HEADER, "alg": alg})) == "algorithm"


def test_token_without_signature_is_refused() -> None:
    head, body, _ = forge().split(".")
    assert refusal(f"{head}.{body}.") == "malformed"
    assert refusal(f"{head}.{body}") == "malformed"
    assert refusal(forge({**HEADER, "alg": "none"}, signature="")) == "malformed"


def test_token_signed_by_hmac_with_the_public_key_is_refused() -> None:
    signed = ".".join(b64(json.dumps(part).encode()) for part in ({**HEADER, "alg": "HS256"}, GOOD.to_json()))
    mac = hmac.new(KEY.public_bytes, signed.encode(), hashlib.sha256).digest()
    assert refusal(f"{signed}.{b64(mac)}") == "algorithm"
    as_eddsa = ".".join(b64(json.dumps(part).encode()) for part in (HEADER, GOOD.to_json()))
    mac = hmac.new(KEY.public_bytes, as_eddsa.encode(), hashlib.sha512).digest()
    assert refusal(f"{as_eddsa}.{b64(mac)}") == "signature"


@pytest.mark.parametrize(
    "extra",
    [
        {"jwk": public_jwk(ATTACKER.public_bytes)},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"crit": ["b64"], "b64": False},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
        {"cty": "JWT"},
        {"nonsense": 1},
    ],
)
def test_token_whose_header_brings_more_is_refused_even_if_signed_by_us(extra: dict[str, Any]) -> None:
    assert refusal(forge({**HEADER, **extra})) == "header"
    assert refusal(forge({**HEADER, **extra, "kid": ATTACKER.key_id}, key=ATTACKER)) in {"header", "unknown_key"}


@pytest.mark.parametrize("kid", [None, 1, "", "../../dev/null", "' OR 1=1 --", ATTACKER.key_id, [KEY.key_id]])
def test_token_with_unknown_key_id_is_refused(kid: object) -> None:
    assert refusal(forge({**HEADER, "kid": kid}, key=ATTACKER)) == "unknown_key"
    assert refusal(forge({"alg": "EdDSA", "typ": "JWT"}, key=ATTACKER)) == "unknown_key"


@pytest.mark.parametrize("typ", [None, "jwt", "JWE", "at+jwt", 1])
def test_token_with_another_header_type_is_refused(typ: object) -> None:
    assert refusal(forge({**HEADER, "typ": typ})) == "header"


def test_token_signed_by_another_key_under_our_id_is_refused() -> None:
    assert refusal(forge(key=ATTACKER)) == "signature"


def test_token_changed_anywhere_is_refused() -> None:
    token = encode_jwt(GOOD, KEY)
    for place in range(0, len(token), 7):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(TokenRefused):
            check(token[:place] + other + token[place + 1 :])


def test_token_in_another_spelling_of_the_same_bytes_is_refused() -> None:
    """The last character of a 64-byte signature has unused bits: some spellings decode alike."""
    token = encode_jwt(GOOD, KEY)
    alike = [
        token[:-1] + c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" if c != token[-1]
    ]
    for other in [*alike, token + "=", token + "==", token + "\n", " " + token, token.replace(".", "..", 1)]:
        with pytest.raises(TokenRefused):
            check(other)


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "jti", "typ", "iat", "exp"])
def test_token_lacking_a_claim_is_refused(name: str) -> None:
    claims = GOOD.to_json()
    del claims[name]
    assert refusal(forge(claims=claims)) == "claims"


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": str(T + 60)}, {"exp": T + 60.5}, {"exp": True}, {"exp": None}, {"exp": -1}, {"exp": 1 << 60},
        {"iat": "now"}, {"iat": T + 3600}, {"aud": ["modelyard"]}, {"aud": "other"}, {"aud": ""}, {"sub": 7},
        {"jti": ""}, {"typ": "prediction"}, {"typ": ["session"]}, {"prj": 3}, {"nbf": T},
    ],
)  # fmt: skip
def test_token_with_a_malformed_claim_is_refused(changed: dict[str, Any]) -> None:
    assert refusal(forge(claims=claims_with(**changed))) == "claims"


def test_token_expired_or_of_another_issuer_is_refused_with_that_reason() -> None:
    assert refusal(forge(claims=claims_with(exp=T))) == "expired"
    assert refusal(forge(claims=claims_with(exp=T - 1))) == "expired"
    assert refusal(forge(claims=claims_with(iss="in_2"))) == "issuer"
    assert refusal(forge(), issuer=None) == "issuer"
    assert check(forge(claims=claims_with(iss="us_1")), issuer=None).subject == "us_1"


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"[]", b'"text"', b"{", b'{"exp": NaN}', b'{"exp": Infinity}', b"\xff\xfe", b"[" * 100_000],
)
def test_token_whose_payload_is_no_object_is_refused(payload: bytes) -> None:
    assert refusal(forge(claims=payload)) == "malformed"


def test_token_with_a_repeated_claim_is_refused() -> None:
    twice = json.dumps(GOOD.to_json())[:-1] + ',"sub":"us_2"}'
    assert refusal(forge(claims=twice.encode())) == "malformed"
    header = '{"alg":"none",' + json.dumps(HEADER)[1:]
    assert refusal(forge(header.encode())) == "malformed"


@pytest.mark.parametrize(
    "token", ["", ".", "..", "...", "a.b.c", "a.b.c.d.e", "ä.b.c", "A" * 5000, "{}", "\x00.\x00.\x00"]
)
def test_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(TokenRefused) as caught:
        check(token)
    assert caught.value.reason == "malformed"


def test_key_set_holds_public_parts_alone() -> None:
    (jwk,) = jwk_set({KEY.key_id: KEY.public_bytes})["keys"]
    assert set(jwk) == {"kty", "crv", "alg", "use", "kid", "x"}
    assert base64.urlsafe_b64decode(jwk["x"] + "=") == KEY.public_bytes


def test_signing_key_shows_and_pickles_nothing() -> None:
    import pickle

    assert repr(KEY) == f"SigningKey({KEY.key_id})"
    with pytest.raises(TypeError):
        pickle.dumps(KEY)
