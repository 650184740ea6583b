"""The first launch with PostgreSQL under it: everything, the job engine's state too, is in one database of a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from bench.installation import PROJECT, Installation
from bench.installation import installation as temporary_installation
from sqlalchemy.engine import make_url
from tests.support.databases import new_postgresql_database
from tests.support.installations import Released, write_small_model
from tests.support.waiting import until

from modelyard.sdk.errors import NotFound

pytestmark = [pytest.mark.timeout(600), pytest.mark.postgresql]


@pytest.fixture(scope="module")
def url(postgresql: str) -> Iterator[str]:
    with new_postgresql_database(postgresql) as made:
        yield made


@pytest.fixture(scope="module")
def made(url: str) -> Iterator[Installation]:
    with temporary_installation(options=("--postgresql", url)) as running:
        yield running


def schemas_and_tables(url: str) -> set[tuple[str, str]]:
    engine = sa.create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            query = "SELECT table_schema, table_name FROM information_schema.tables"
            return {(row[0], row[1]) for row in connection.execute(sa.text(query))}
    finally:
        engine.dispose()


def command_lines(needle: str) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if needle in line and "modelyard" in line and "modelyard.cli" not in line:
            found.append(line)
    return found


def lineage_of(made: Installation, prediction_id: str) -> dict[str, object]:
    try:
        return made.client("owner").lineage(prediction_id)
    except NotFound:
        return {}


def test_postgresql_push_release_predict_lineage_and_a_restart(made: Installation, url: str) -> None:
    folder = write_small_model(made.folder / "small", "small", factor=2)
    version = made.push(folder)
    made.release("small", version)
    small = Released(made, folder, "small", version, made.caller_token("small")[0]).wait()
    answer = small.ask("predict", {"x": 21.0})
    assert (answer.status_code, answer.json()["predictions"]) == (200, [{"y": 42.0}])
    found = until(lambda: lineage_of(made, answer.json()["prediction_id"]), "the access record arrives")
    assert (found["version"]["author"], found["release"]["approved_by"]) == ("author", "reviewer")

    # No SQLite file was made; the jobs' state has a schema of its own; the URL, with its password, is on no command
    # line but the one that the operator typed.
    assert sorted(path.name for path in (made.home / "control").glob("*.db*")) == []
    tables = schemas_and_tables(url)
    assert {("public", "versions"), ("public", "job_runs"), ("dbos", "workflow_status")} <= tables
    assert command_lines(make_url(url).database or "?") == []

    made.down()
    made.up()
    until(lambda: small.ask("predict", {"x": 3.0}).status_code == 200, "it answers after the restart")
    assert small.ask("predict", {"x": 3.0}).json()["version"] == version

    write_small_model(folder, "small", factor=3)
    second = made.push(folder)
    made.release("small", second)
    until(lambda: small.ask("predict", {"x": 3.0}).json().get("predictions") == [{"y": 9.0}], "the second answers")
    integrity = made.client().transport.json("GET", "/api/v1/audit/integrity")
    assert integrity["intact"], integrity


def test_postgresql_attack_audit_trail_rewritten_by_the_database_owner_is_refused(made: Installation, url: str) -> None:
    made.client("author")
    engine = sa.create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    try:
        for statement in ("UPDATE audit_events SET why = 'x'", "DELETE FROM audit_events", "TRUNCATE audit_events"):
            with engine.begin() as connection, pytest.raises(sa.exc.DBAPIError, match="append-only"):
                connection.execute(sa.text(statement))
    finally:
        engine.dispose()
    assert PROJECT in {project.name for project in made.client().projects.list_projects()}
