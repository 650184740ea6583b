"""The one byte form that digests and signatures are taken over: JSON with sorted keys and no white space."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

DIGEST_PREFIX = "sha256:"


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON, keys sorted, no white space, no NaN. Raises ValueError on NaN or infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def strict_json(text: str | bytes) -> Any:
    """A stranger's JSON. Raises ValueError for what no other reader would take: NaN, infinities, numbers beyond them
    such as 1e999, nesting too deep to read. One such value in a version would stop every desired state."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as cause:
        raise ValueError("it is nested too deeply") from cause


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is beyond any number")
    return number


def digest_bytes(content: bytes) -> str:
    """`sha256:<64 hex digits>` of the bytes."""
    return DIGEST_PREFIX + hashlib.sha256(content).hexdigest()


def digest_of(value: Any) -> str:
    """Digest of a JSON value in canonical form."""
    return digest_bytes(canonical_json(value))


def is_digest(text: str) -> bool:
    """Whether the text is a well-formed digest; says nothing of its content existing."""
    hexdigits = text.removeprefix(DIGEST_PREFIX)
    return text.startswith(DIGEST_PREFIX) and len(hexdigits) == 64 and all(c in "0123456789abcdef" for c in hexdigits)
