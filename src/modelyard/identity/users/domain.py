"""What a user is, and what a password must be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

ADMINISTRATOR_NAME = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """`password_is_one_time`: it was generated for them, and nothing but changing it is allowed until they did."""

    id: str
    name: str
    display_name: str
    is_administrator: bool
    is_auditor: bool
    password_is_one_time: bool
    created_at: datetime
    created_by: str
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewUser:
    """What is asked for; `password` None has one generated."""

    name: str
    display_name: str = ""
    password: str | None = None
    is_administrator: bool = False
    is_auditor: bool = False


def password_fault(password: str, name: str, *, chars_min: int, chars_max: int) -> str | None:
    """What is wrong with it, as `expected ...`; None when nothing. Length is what counts (NIST SP 800-63B)."""
    if not chars_min <= len(password) <= chars_max:
        return f"{chars_min} to {chars_max} characters"
    if name in password.lower() and len(password) < len(name) + chars_min:
        return "more than the user's name with something added"
    if len(set(password)) < 4:
        return "at least 4 different characters"
    return None
