"""Reading one page of a query by its sort key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from modelyard.infra.db.storable import storable
from modelyard.kernel.errors import Invalid
from modelyard.kernel.paging import Page, PageRequest, make_cursor

T = TypeVar("T")


def read_page(
    connection: sa.Connection,
    query: sa.Select[Any],
    keys: Sequence[sa.ColumnElement[Any]],
    page: PageRequest,
    make: Callable[[Any], T],
    *,
    newest_first: bool = False,
) -> Page[T]:
    """The rows after `page.after` in the order of `keys`: text or integer columns that together are unique and that
    the query selects. `make` turns a row into an item. Raises Invalid for a cursor of another list."""
    if page.after is not None:
        fits = len(page.after) == len(keys) and all(
            _fits(value, key) for key, value in zip(keys, page.after, strict=True)
        )
        if not fits:
            raise Invalid(field="cursor", got="the cursor of another list", expected="the `next` of an earlier page")
        edge, after = (
            sa.tuple_(*keys),
            sa.tuple_(*(sa.literal(v, k.type) for k, v in zip(keys, page.after, strict=True))),
        )
        query = query.where(edge < after if newest_first else edge > after)
    order = [key.desc() for key in keys] if newest_first else list(keys)
    rows = connection.execute(query.order_by(*order).limit(page.limit + 1)).all()
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    cursor = make_cursor(tuple(shown[-1]._mapping[key] for key in keys)) if more else None
    return Page(tuple(make(row) for row in shown), cursor)


def _fits(value: Any, key: sa.ColumnElement[Any]) -> bool:
    """Whether a database can compare it with the column: a forged cursor may hold anything."""
    if isinstance(key.type, sa.Integer):
        return type(value) is int and -(2**63) <= value < 2**63
    return type(value) is str and storable(value) == value
