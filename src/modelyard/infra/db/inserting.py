"""Inserting a row whose name may be taken: the database's own constraint decides, so that of two at once one wins."""

from __future__ import annotations

import sqlalchemy as sa


def insert_unless_taken(connection: sa.Connection, statement: sa.Insert) -> bool:
    """False when a unique constraint says that the row is there already; the transaction goes on either way."""
    try:
        with connection.begin_nested():
            connection.execute(statement)
    except sa.exc.IntegrityError as cause:
        if "unique" not in str(cause.orig).lower():
            raise
        return False
    return True
