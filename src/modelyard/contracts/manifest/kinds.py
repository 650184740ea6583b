"""The kinds of value that a manifest key can take: each checks a value and says what it is as JSON schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from modelyard.kernel.ids import NAME_RULE, is_name

Fault = tuple[Literal["type", "value"], str]
"""What is wrong: with the type, or with the value; and what is expected instead."""

_SEMVER = r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
_ENTRY_POINT = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
_PYTHON = r"3\.(1[0-9]|[2-9][0-9])"


@dataclass(frozen=True, slots=True)
class Kind:
    """`check` returns None for a good value; `schema` is its JSON schema (2020-12)."""

    name: str
    check: Callable[[Any], Fault | None]
    schema: dict[str, Any]


def text(
    expected: str, *, pattern: str = "", length_max: int = 2000, is_good: Callable[[str], bool] | None = None
) -> Kind:
    """A string; `expected` ends a sentence, as in "a version such as 1.2.0"."""

    def check(value: Any) -> Fault | None:
        if not isinstance(value, str):
            return "type", expected
        if len(value) > length_max:
            return "value", f"{expected}, at most {length_max} characters"
        if pattern and re.fullmatch(pattern, value) is None:
            return "value", expected
        if is_good is not None and not is_good(value):
            return "value", expected
        return None

    schema: dict[str, Any] = {"type": "string", "maxLength": length_max}
    return Kind("a string", check, {**schema, "pattern": f"^{pattern}$"} if pattern else schema)


def one_of(*choices: str) -> Kind:
    expected = "one of " + ", ".join(choices)

    def check(value: Any) -> Fault | None:
        if not isinstance(value, str):
            return "type", expected
        return None if value in choices else ("value", expected)

    return Kind("a string", check, {"type": "string", "enum": list(choices)})


def integer(low: int, high: int, what: str = "a whole number") -> Kind:
    expected = f"{what} from {low} to {high}"

    def check(value: Any) -> Fault | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "type", expected
        return None if low <= value <= high else ("value", expected)

    return Kind("a whole number", check, {"type": "integer", "minimum": low, "maximum": high})


def number(low: float, high: float) -> Kind:
    expected = f"a number from {low:g} to {high:g}"

    def check(value: Any) -> Fault | None:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return "type", expected
        return None if low <= value <= high else ("value", expected)

    return Kind("a number", check, {"type": "number", "minimum": low, "maximum": high})


def boolean() -> Kind:
    return Kind(
        "true or false", lambda v: None if isinstance(v, bool) else ("type", "true or false"), {"type": "boolean"}
    )


def is_relative_path(value: str) -> bool:
    """Relative, with `/`, without `..`, empty or hidden-by-backslash parts: it cannot leave its folder."""
    parts = value.split("/")
    return bool(value) and "\\" not in value and "\0" not in value and all(p not in ("", ".", "..") for p in parts)


PATH = text("a path inside the folder, with `/` and without `..`", length_max=500, is_good=is_relative_path)
NAME = text(NAME_RULE, pattern="[a-z][a-z0-9-]{0,62}", is_good=is_name)
VERSION = text("a version such as 1.2.0", pattern=_SEMVER, length_max=64)
ENTRY_POINT = text('"module:Name", such as "model:Tumour"', pattern=_ENTRY_POINT, length_max=200)
PYTHON = text('a Python version such as "3.11"', pattern=_PYTHON)
COLUMN = text("a column name of 1 to 200 characters", length_max=200, is_good=bool)
