"""The audit trail's promises, on both databases."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from modelyard.governance.audit import store
from modelyard.governance.audit.domain import AuditFilter, ChainCheck
from modelyard.kernel.events import Event
from modelyard.kernel.paging import PageRequest


def record(database, *actions):
    with database.transaction() as uow:
        for action in actions:
            uow.record(
                Event(action, "thing:1", project_id="pj_1", details={"ratio": 2.0, "deep": {"b": 1, "a": [1.5]}})
            )


def integrity(database):
    check = ChainCheck()
    with database.reading() as uow:
        for found in store.read_all(uow):
            check.follow(found)
        return check.result(*store.find_head(uow))


def tamper(database, statement):
    """As somebody who owns the database and took the triggers away first."""
    with database.engine.begin() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("DROP TRIGGER audit_events_no_update")
            connection.exec_driver_sql("DROP TRIGGER audit_events_no_delete")
        else:
            connection.exec_driver_sql("ALTER TABLE audit_events DISABLE TRIGGER ALL")
        connection.exec_driver_sql(statement)


def test_events_of_one_transaction_follow_each_other(database):
    record(database, "a.b.done", "a.b.ended")
    record(database, "a.c.done")
    with database.reading() as uow:
        found = list(store.read_all(uow))
    assert [(r.seq, r.action) for r in found] == [(1, "a.b.done"), (2, "a.b.ended"), (3, "a.c.done")]
    assert found[0].details == {"ratio": 2.0, "deep": {"b": 1, "a": [1.5]}}
    assert integrity(database).intact


def test_events_of_rolled_back_transaction_leave_no_gap(database):
    record(database, "a.b.done")
    with pytest.raises(RuntimeError, match="no"), database.transaction() as uow:  # noqa: PT012
        uow.record(Event("a.b.undone", "thing:1"))
        raise RuntimeError("no")
    record(database, "a.b.again")
    with database.reading() as uow:
        assert [r.seq for r in store.read_all(uow)] == [1, 2]


def test_events_of_many_writers_at_once_are_gapless(database):
    threads = [threading.Thread(target=lambda: [record(database, "a.b.done") for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as uow:
        assert [r.seq for r in store.read_all(uow)] == list(range(1, 21))
    assert integrity(database).intact


@pytest.mark.parametrize("statement", ["UPDATE audit_events SET why = 'x'", "DELETE FROM audit_events"])
def test_trail_refuses_change_and_removal(database, statement):
    record(database, "a.b.done")
    with pytest.raises(sa.exc.DatabaseError, match="append-only"), database.engine.begin() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.postgresql
def test_trail_refuses_truncation(database):
    if database.is_sqlite:
        pytest.skip("SQLite has no TRUNCATE")
    record(database, "a.b.done")
    with pytest.raises(sa.exc.DatabaseError, match="append-only"), database.engine.begin() as connection:
        connection.exec_driver_sql("TRUNCATE audit_events")


@pytest.mark.parametrize(
    ("statement", "first_bad"),
    [
        ("UPDATE audit_events SET why = 'x' WHERE seq = 2", 2),
        ("DELETE FROM audit_events WHERE seq = 2", 2),
        ("DELETE FROM audit_events WHERE seq = 3", 3),
        ("UPDATE audit_events SET principal_name = 'bob' WHERE seq = 1", 1),
        ("UPDATE audit_head SET seq = 2", 3),
    ],
)
def test_integrity_names_first_bad_record(database, statement, first_bad):
    record(database, "a.b.one", "a.b.two", "a.b.three")
    tamper(database, statement)
    assert integrity(database).first_bad_seq == first_bad


def test_list_shows_only_given_projects(database):
    record(database, "a.b.done")
    with database.reading() as uow:
        page = PageRequest(10)
        assert store.list_records(uow, frozenset({"pj_1"}), AuditFilter(), page).items
        assert store.list_records(uow, frozenset({"pj_2"}), AuditFilter(), page).items == ()
        assert store.list_records(uow, frozenset(), AuditFilter(), page).items == ()
        assert store.list_records(uow, None, AuditFilter(action="a_b"), page).items == ()
