"""Access records on disk: one row a prediction, found by its id, kept for some days."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS access (
    prediction_id TEXT PRIMARY KEY, at TEXT NOT NULL, endpoint TEXT, record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS access_at ON access (at);
CREATE TABLE IF NOT EXISTS position (
    one INTEGER PRIMARY KEY CHECK (one = 1), inode INTEGER NOT NULL, offset_bytes INTEGER NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the log was stored: the file, by its inode, and the byte after the last line."""

    inode: int
    offset_bytes: int


@dataclass(frozen=True, slots=True)
class AccessRow:
    """`at` is RFC 3339 UTC; `record` the line as Envoy wrote it."""

    prediction_id: str
    at: str
    endpoint: str | None
    record: str


class AccessStore:
    """Written by one thread; each method opens its own connection or uses the one of the thread that calls it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._connect()) as connection, connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(SCHEMA)
        path.chmod(0o600)

    def open_writer(self) -> AccessWriter:
        return AccessWriter(self._connect())

    def find(self, prediction_id: str) -> dict[str, Any] | None:
        with closing(self._connect()) as connection:
            row = connection.execute("SELECT record FROM access WHERE prediction_id = ?", (prediction_id,)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def count(self) -> int:
        with closing(self._connect()) as connection:
            return int(connection.execute("SELECT count(*) FROM access").fetchone()[0])

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=5)
        # Power loss may undo the last transactions, but rows and position together: the log is then read again.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection


class AccessWriter:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read_position(self) -> Position | None:
        row = self._connection.execute("SELECT inode, offset_bytes FROM position").fetchone()
        return None if row is None else Position(*row)

    def store(self, rows: Sequence[AccessRow], position: Position) -> None:
        """Rows and position in one transaction: a line is stored exactly once, whenever the process dies."""
        with self._connection as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO access VALUES (?, ?, ?, ?)",
                [(row.prediction_id, row.at, row.endpoint, row.record) for row in rows],
            )
            connection.execute(
                "INSERT INTO position VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE"
                " SET inode = excluded.inode, offset_bytes = excluded.offset_bytes",
                (position.inode, position.offset_bytes),
            )

    def forget_before(self, at: str) -> int:
        """Removes older rows, a bounded number a call so that nobody waits long. Returns how many."""
        with self._connection as connection:
            return connection.execute(
                "DELETE FROM access WHERE prediction_id IN (SELECT prediction_id FROM access WHERE at < ? LIMIT 5000)",
                (at,),
            ).rowcount

    def close(self) -> None:
        self._connection.close()
