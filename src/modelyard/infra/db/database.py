"""Engine and unit of work. One request or one job step is one transaction; nothing outside this module commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, ExceptionContext, make_url

from modelyard.infra.db.errors import find_full
from modelyard.kernel.access import SYSTEM, Principal
from modelyard.kernel.events import Event

EventSink = Callable[["UnitOfWork", list[Event]], None]


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """`url`: `sqlite:////path/modelyard.db` or `postgresql://user@host/db`. `busy_timeout_s`: of SQLite's lock."""

    url: str
    pool_size: int = 10
    busy_timeout_s: float = 30.0


@dataclass(slots=True)
class UnitOfWork:
    """One transaction with what happened in it. `by` and `request_id` stamp the audit trail."""

    connection: sa.Connection
    by: Principal = SYSTEM
    request_id: str = ""
    source: str = "system"
    events: list[Event] = field(default_factory=list)
    _after_commit: list[Callable[[], None]] = field(default_factory=list)

    def record(self, event: Event) -> None:
        """Appends to the audit trail, in this same transaction."""
        self.events.append(event)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Runs once the change is durable; must not raise."""
        self._after_commit.append(action)

    @property
    def is_postgresql(self) -> bool:
        return self.connection.dialect.name == "postgresql"


class Database:
    """SQLite (WAL) or PostgreSQL behind the same calls."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.settings = settings
        self.engine = _engine(settings)
        self._event_sink: EventSink | None = None

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def store_events_with(self, sink: EventSink) -> None:
        """Governance stores events in the change's own transaction; wiring passes it in."""
        self._event_sink = sink

    @contextmanager
    def transaction(
        self, by: Principal = SYSTEM, *, request_id: str = "", source: str = "system"
    ) -> Iterator[UnitOfWork]:
        """Commits at the end, rolls back on any exception. Writers wait for each other from the first statement."""
        with self.engine.connect() as connection, connection.begin():
            uow = UnitOfWork(connection, by, request_id, source)
            yield uow
            if uow.events:
                if self._event_sink is None:
                    raise RuntimeError("events were recorded, but nothing stores them")
                self._event_sink(uow, uow.events)
        for action in uow._after_commit:
            action()

    @contextmanager
    def reading(self) -> Iterator[UnitOfWork]:
        """A read-only snapshot; recording an event in it is a programming error. Does not take SQLite's write lock."""
        with self.engine.connect() as connection:
            options = {"modelyard_readonly": True}
            with connection.execution_options(**options).begin():
                yield UnitOfWork(connection)

    def close(self) -> None:
        self.engine.dispose()


def _engine(settings: DatabaseSettings) -> sa.Engine:
    url: URL = make_url(settings.url)
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(
            url.set(drivername="sqlite+pysqlite"),
            pool_size=settings.pool_size,
            max_overflow=settings.pool_size * 4,
            # isolation_level None: the driver begins nothing on its own; `_begin_sqlite` does.
            connect_args={"timeout": settings.busy_timeout_s, "check_same_thread": False, "isolation_level": None},
        )
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = _postgresql(url, settings)
    sa.event.listen(engine, "handle_error", _tell_when_full)
    return engine


def _postgresql(url: URL, settings: DatabaseSettings) -> sa.Engine:
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=settings.pool_size,
        max_overflow=settings.pool_size,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
    )


def _tell_when_full(context: ExceptionContext) -> None:
    """A full disk is no fault of ours or the caller's, and passes: it gets a name and a hint."""
    full = find_full(context.original_exception)
    if full is not None:
        raise full from context.original_exception


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    """A writer takes the lock at once: a read that later upgrades to a write would fail with SQLITE_BUSY."""
    read_only = connection.get_execution_options().get("modelyard_readonly", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
