"""Lists, page after page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.sdk.transport import Transport

PAGE_ITEMS = 100


def list_items(
    transport: Transport, path: str, params: Mapping[str, Any] | None = None, *, items_max: int = 10_000
) -> Iterator[dict[str, Any]]:
    """Every item of a list, at most `items_max`."""
    cursor: str | None = ""
    given = 0
    while cursor is not None and given < items_max:
        query = {**(params or {}), "limit": min(PAGE_ITEMS, items_max - given), "cursor": cursor}
        page = transport.json("GET", path, params=query)
        yield from page["items"]
        given += len(page["items"])
        cursor = page.get("next")
