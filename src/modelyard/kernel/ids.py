"""Identifiers: a two-letter prefix and 26 characters that sort by time of making."""

from __future__ import annotations

import os
import re
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
NAME_RULE = "a lower-case letter, then up to 62 lower-case letters, digits or hyphens"

# Append only. A retired prefix stays here, so that no id ever changes its meaning.
PREFIXES = {
    "us": "user", "sa": "service account", "pj": "project", "mo": "registered model", "ve": "version", "bu": "build",
    "ep": "endpoint", "re": "release", "pa": "pairing", "jo": "job", "no": "node", "in": "installation",
    "au": "audit event", "tk": "token", "en": "environment", "me": "membership", "rq": "request",
}  # fmt: skip


def new_id(prefix: str) -> str:
    """`us_01jd…`: 48 bits of milliseconds, 80 random bits, base 32 without look-alikes (as ULID)."""
    if prefix not in PREFIXES:
        raise ValueError(f"unknown id prefix {prefix!r}, expected one of {sorted(PREFIXES)}")
    number = (int(time.time() * 1000) << 80) | int.from_bytes(os.urandom(10), "big")
    return prefix + "_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def is_name(text: str) -> bool:
    """Whether the text can name a project, model, endpoint, user or service account."""
    return _NAME.fullmatch(text) is not None
