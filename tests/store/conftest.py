"""Store tests run on SQLite and on PostgreSQL."""

from __future__ import annotations

from tests.support.databases import database, database_url, postgresql

__all__ = ["database", "database_url", "postgresql"]
