"""Pages: lists are read by cursor, so that rows that come in between neither repeat nor vanish."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from modelyard.kernel.errors import Invalid

T = TypeVar("T")
LIMIT_DEFAULT = 50
LIMIT_MAX = 500


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`after` is the sort key of the last row seen, as opened from the cursor; None means from the start."""

    limit: int = LIMIT_DEFAULT
    after: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next_cursor` is None on the last page."""

    items: tuple[T, ...]
    next_cursor: str | None = None


def make_cursor(key: tuple[Any, ...]) -> str:
    """Opaque text for a sort key of strings and numbers."""
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


def open_cursor(cursor: str) -> tuple[Any, ...]:
    """The sort key; raises Invalid for a cursor that we did not make."""
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        key = None
    if not isinstance(key, list):
        raise Invalid(field="cursor", got=repr(cursor[:40]), expected="the `next` of an earlier page")
    return tuple(key)


def page_of(rows: list[T], request: PageRequest, key: Any) -> Page[T]:
    """Cuts `limit + 1` rows to a page; `key(row)` gives the tuple that the next page goes on after."""
    items = tuple(rows[: request.limit])
    more = len(rows) > request.limit
    return Page(items, make_cursor(key(items[-1])) if more else None)
