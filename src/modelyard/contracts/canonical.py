"""The one byte form that digests and signatures are taken over: JSON with sorted keys and no white space."""

from __future__ import annotations

import hashlib
import json
from typing import Any

DIGEST_PREFIX = "sha256:"


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON, keys sorted, no white space, no NaN. Raises ValueError on NaN or infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


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
