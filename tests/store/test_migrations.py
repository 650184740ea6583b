"""The history of migrations makes the schema that the code is written for; an unknown one is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tests.support.databases import make_tables

from modelyard.infra.db import Database, DatabaseSettings, metadata
from modelyard.infra.db.migrations import UnknownSchema, current_revision, revisions, upgrade
from modelyard.server.wiring import MIGRATIONS


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    opened = Database(DatabaseSettings(database_url))
    yield opened
    opened.close()


def differences(database: Database) -> list[Any]:
    def is_ours(_object: Any, name: str | None, kind: str, *_: Any) -> bool:
        return not (kind == "table" and name == "alembic_version")

    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"compare_type": True, "compare_server_default": True, "include_object": is_ours},
        )
        return list(compare_metadata(context, metadata))


def triggers(database: Database) -> set[str]:
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if database.is_sqlite
        else "SELECT DISTINCT trigger_name FROM information_schema.triggers"
    )
    if not database.is_sqlite:
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    with database.engine.connect() as connection:
        return set(connection.execute(sa.text(query)).scalars())


def checks(database: Database) -> dict[str, set[str]]:
    """What autogenerate does not look at: check constraints and partial indexes, by table."""
    with database.engine.connect() as connection:
        inspector = sa.inspect(connection)
        found = {}
        for table in inspector.get_table_names():
            if table == "alembic_version":
                continue
            found[table] = {str(check["sqltext"]) for check in inspector.get_check_constraints(table)}
            for index in inspector.get_indexes(table):
                options = {key: str(value) for key, value in index.get("dialect_options", {}).items()}
                found[table].add(f"{index['name']} {index['column_names']} {index['unique']} {sorted(options.items())}")
        return found


def test_migrations_on_an_empty_database_make_the_schema_of_the_code(
    empty: Database, database_url: str, tmp_path: Any
) -> None:
    assert upgrade(empty, MIGRATIONS) == revisions(MIGRATIONS)
    assert differences(empty) == []
    by_migrations = checks(empty), triggers(empty)
    with empty.engine.begin() as connection:
        metadata.drop_all(connection)
    make_tables(empty)
    assert (checks(empty), triggers(empty)) == by_migrations


def test_migrations_second_start_runs_nothing(empty: Database) -> None:
    assert upgrade(empty, MIGRATIONS)
    assert upgrade(empty, MIGRATIONS) == []
    assert current_revision(empty) == revisions(MIGRATIONS)[-1]


def test_migrations_a_missing_column_is_seen_by_this_test(empty: Database) -> None:
    upgrade(empty, MIGRATIONS)
    with empty.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE aliases DROP COLUMN updated_by"))
    assert [difference[0] for difference in differences(empty)] == ["add_column"]


def test_migrations_database_from_the_future_is_refused_and_left_alone(empty: Database) -> None:
    upgrade(empty, MIGRATIONS)
    with empty.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UnknownSchema) as caught:
        upgrade(empty, MIGRATIONS)
    assert "'9999'" in caught.value.detail
    assert "newer Modelyard" in caught.value.next_step
    assert current_revision(empty) == "9999"


def test_migrations_that_fail_leave_nothing_behind(empty: Database, tmp_path: Any) -> None:
    versions = tmp_path / "scripts" / "versions"
    versions.mkdir(parents=True)
    head = 'from alembic import op\nimport sqlalchemy as sa\n\nrevision = "{0}"\ndown_revision = {1}\n\n'
    first = head.format("0001", None) + 'def upgrade():\n    op.create_table("one", sa.Column("id", sa.Integer))\n'
    second = head.format("0002", '"0001"') + 'def upgrade():\n    op.execute("SELECT * FROM absent")\n'
    (versions / "0001_first.py").write_text(first)
    (versions / "0002_second.py").write_text(second)
    with pytest.raises(sa.exc.DBAPIError):
        upgrade(empty, tmp_path / "scripts")
    assert current_revision(empty) is None
    with empty.engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
