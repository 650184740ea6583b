"""JSON Web Tokens, the one form we use: EdDSA over Ed25519, compact, no options.

Written here rather than taken from a library because the general libraries keep failing at their generality (keys
taken from the token's own header, `alg: none`, ignored `crit`). This one has no algorithm to choose, knows its keys
beforehand, and refuses every header field that it does not know. Envoy verifies the same tokens natively.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from modelyard.infra.crypto.ed25519 import SigningKey, is_signed_by, key_id

TOKEN_CHARS_MAX = 4096
SKEW_S = 5
_HEADER_FIELDS = frozenset({"alg", "typ", "kid"})

RefusalReason = Literal["malformed", "algorithm", "header", "unknown_key", "signature", "claims", "expired", "issuer"]


class TokenRefused(ValueError):
    """Why a token is not accepted. `reason` is stable; the message never quotes the token."""

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, once verified. Times are Unix seconds; `kind` is the claim `typ`, `project` the claim `prj`
    (empty when absent)."""

    issuer: str
    audience: str
    subject: str
    token_id: str
    kind: str
    issued_at: int
    expires_at: int
    project: str = ""

    def to_json(self) -> dict[str, Any]:
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": self.subject,
            "jti": self.token_id,
            "typ": self.kind,
            "iat": self.issued_at,
            "exp": self.expires_at,
        }
        return {**claims, "prj": self.project} if self.project else claims


def encode_jwt(claims: Claims, key: SigningKey) -> str:
    """The compact token. The same claims and key give the same text, so that a token can be shown again from its row
    without having been stored."""
    head = _encode(_dump({"alg": "EdDSA", "typ": "JWT", "kid": key.key_id}))
    body = _encode(_dump(claims.to_json()))
    signed = f"{head}.{body}"
    return f"{signed}.{_encode(key.sign(signed.encode()))}"


def verify_jwt(
    token: str,
    find_key: Callable[[str], bytes | None],
    *,
    issuer: str | None,
    audience: str,
    kinds: frozenset[str],
    now: datetime,
) -> Claims:
    """The claims of a good token. `find_key` gives the raw public key for a key id that we trust, else None. `issuer`
    None means that the issuer must be the subject itself (a node speaking for itself). Raises TokenRefused."""
    if len(token) > TOKEN_CHARS_MAX or not token.isascii():
        raise TokenRefused("malformed", f"a token has at most {TOKEN_CHARS_MAX} ASCII characters")
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise TokenRefused("malformed", "a token has three parts separated by dots")
    key = _key_for(_object(parts[0], "header"), find_key)
    if not is_signed_by(key, _decode(parts[2], "signature"), f"{parts[0]}.{parts[1]}".encode()):
        raise TokenRefused("signature", "the signature does not match")
    claims = _claims(_object(parts[1], "payload"))
    if claims.issuer != (claims.subject if issuer is None else issuer):
        raise TokenRefused("issuer", "the token was issued by another installation")
    if claims.audience != audience:
        raise TokenRefused("claims", f"the token is meant for {claims.audience!r}, expected {audience!r}")
    if claims.kind not in kinds:
        raise TokenRefused("claims", f"a {claims.kind} token can't be used here, expected {' or '.join(sorted(kinds))}")
    moment = now.timestamp()
    if claims.issued_at > moment + SKEW_S:
        raise TokenRefused("claims", "the token was issued in the future; check the clocks")
    if claims.expires_at <= moment:
        raise TokenRefused("expired", "the token has expired")
    return claims


def public_jwk(public_key: bytes) -> dict[str, str]:
    """The key as RFC 8037 JWK, for JWK sets."""
    return {
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
        "kid": key_id(public_key), "x": _encode(public_key),
    }  # fmt: skip


def jwk_set(public_keys: Mapping[str, bytes]) -> dict[str, Any]:
    """`{"keys": [...]}` in the order of key ids, so that the same keys give the same document."""
    return {"keys": [public_jwk(public_keys[kid]) for kid in sorted(public_keys)]}


def _key_for(header: dict[str, Any], find_key: Callable[[str], bytes | None]) -> bytes:
    # The algorithm is looked at first so that the reason names it; it is never used to choose anything.
    if header.get("alg") != "EdDSA":
        raise TokenRefused("algorithm", "the token's algorithm is not EdDSA")
    unknown = sorted(set(header) - _HEADER_FIELDS)
    if unknown:
        raise TokenRefused("header", f"the token's header has {', '.join(map(repr, unknown))[:80]}, which we refuse")
    if header.get("typ") != "JWT":
        raise TokenRefused("header", "the token's header type is not JWT")
    name = header.get("kid")
    key = find_key(name) if isinstance(name, str) else None
    if key is None:
        raise TokenRefused("unknown_key", "the token was signed with a key that this installation does not know")
    return key


def _claims(value: dict[str, Any]) -> Claims:
    texts = {name: value.get(name) for name in ("iss", "aud", "sub", "jti", "typ")}
    for name, text in texts.items():
        if not isinstance(text, str) or not text:
            raise TokenRefused("claims", f"the claim {name!r} is missing or no text")
    for name in ("iat", "exp"):
        if type(value.get(name)) is not int or not 0 <= value[name] < 1 << 53:
            raise TokenRefused("claims", f"the claim {name!r} is missing or no whole number of seconds")
    if not isinstance(value.get("prj", ""), str):
        raise TokenRefused("claims", "the claim 'prj' is no text")
    if "nbf" in value:
        raise TokenRefused("claims", "the claim 'nbf' is none that we issue")
    return Claims(
        issuer=str(texts["iss"]),
        audience=str(texts["aud"]),
        subject=str(texts["sub"]),
        token_id=str(texts["jti"]),
        kind=str(texts["typ"]),
        issued_at=value["iat"],
        expires_at=value["exp"],
        project=value.get("prj", ""),
    )


def _object(part: str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(_decode(part, what), object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as cause:
        if isinstance(cause, TokenRefused):
            raise
        raise TokenRefused("malformed", f"the token's {what} is no JSON") from cause
    if not isinstance(value, dict):
        raise TokenRefused("malformed", f"the token's {what} is no JSON object")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may each take another one of two equal keys; so a token has none."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a key is repeated")
    return dict(pairs)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _decode(part: str, what: str) -> bytes:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as cause:
        raise TokenRefused("malformed", f"the token's {what} is no base64url") from cause
    # Unused trailing bits would let one signature have several spellings, and a revoked text another one.
    if _encode(raw) != part:
        raise TokenRefused("malformed", f"the token's {what} is not in its one canonical spelling")
    return raw


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _dump(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
