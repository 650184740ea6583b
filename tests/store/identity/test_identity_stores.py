"""What the identity rows promise, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from modelyard.identity.nodes.domain import EnrolledNode
from modelyard.identity.nodes.store import EnrolledNodeStore
from modelyard.identity.pairings.domain import Pairing
from modelyard.identity.pairings.store import PairingStore, all_holding
from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.store import ProjectStore
from modelyard.identity.roles.domain import Member
from modelyard.identity.roles.store import MembershipStore, roles_of
from modelyard.identity.service_accounts.domain import ServiceAccount
from modelyard.identity.service_accounts.store import ServiceAccountStore, find_account
from modelyard.identity.sessions.domain import Failures
from modelyard.identity.sessions.store import LoginFailureStore
from modelyard.identity.tokens.domain import Token
from modelyard.identity.tokens.store import IssuedTokenStore, TokenStore
from modelyard.identity.users.domain import User
from modelyard.identity.users.store import UserStore
from modelyard.infra.db import Database, UnitOfWork
from modelyard.kernel.access import Role
from modelyard.kernel.paging import PageRequest, open_cursor

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
RED, BLUE = Project("pj_red", "red", "", NOW, "admin"), Project("pj_blue", "blue", "The other", NOW, "admin")
ANN = User("us_ann", "ann", "Ann", True, False, False, NOW, "admin")
APP = ServiceAccount("sa_app", RED.id, "app", "", NOW, "ann")
API = Token("tk_1", "api", "service_account", APP.id, "app", RED.id, "red", "first", NOW, LATER, "ann")
SESSION = Token("tk_2", "session", "user", ANN.id, "ann", "", "", "", NOW, LATER, "ann")
PAIRING = Pairing("pa_1", RED.id, APP.id, "app", "ep_1", "tumour", "triage", 0, NOW, "ann")
ALL = PageRequest(100)


@pytest.fixture
def filled(database: Database) -> Database:
    with database.transaction() as uow:
        assert ProjectStore(uow).add(RED)
        assert ProjectStore(uow).add(BLUE)
        assert UserStore(uow).add(ANN, "hash")
        assert ServiceAccountStore(uow, RED.id).add(APP)
        IssuedTokenStore(uow).add(API)
        IssuedTokenStore(uow).add(SESSION)
        assert PairingStore(uow, RED.id).add(PAIRING)
    return database


def test_rows_written_are_read_back_equal(filled: Database) -> None:
    with filled.reading() as uow:
        assert ProjectStore(uow).find("pj_blue") == BLUE
        assert UserStore(uow).find_by_name("ann") == ANN
        assert ServiceAccountStore(uow, RED.id).find_by_name("app") == APP == find_account(uow, "sa_app")
        assert TokenStore(uow, RED.id).find("tk_1") == API
        assert IssuedTokenStore(uow).find("tk_2") == SESSION
        assert PairingStore(uow, RED.id).find("pa_1") == PAIRING


def test_rows_of_one_project_are_not_found_from_another(filled: Database) -> None:
    with filled.reading() as uow:
        assert ServiceAccountStore(uow, BLUE.id).find_by_name("app") is None
        assert TokenStore(uow, BLUE.id).find("tk_1") is None
        assert TokenStore(uow, BLUE.id).list_api_tokens(None, ALL).items == ()
        assert TokenStore(uow, BLUE.id).last_expiries(NOW) == {}
        assert PairingStore(uow, BLUE.id).find("pa_1") is None
        assert PairingStore(uow, BLUE.id).list_holding(None, ALL).items == ()
    with filled.transaction() as uow:
        assert not PairingStore(uow, BLUE.id).revoke("pa_1", NOW)
        with pytest.raises(ValueError, match="another project"):
            PairingStore(uow, BLUE.id).add(PAIRING)


def test_names_taken_are_told_and_the_transaction_goes_on(filled: Database) -> None:
    with filled.transaction() as uow:
        assert not ProjectStore(uow).add(replace(RED, id="pj_x"))
        assert not UserStore(uow).add(replace(ANN, id="us_x"), "hash")
        assert not ServiceAccountStore(uow, RED.id).add(replace(APP, id="sa_x"))
        assert ServiceAccountStore(uow, BLUE.id).add(replace(APP, id="sa_y", project_id=BLUE.id))
        assert ProjectStore(uow).add(replace(RED, id="pj_green", name="green"))
    with filled.reading() as uow:
        assert ProjectStore(uow).names() == {"pj_red": "red", "pj_blue": "blue", "pj_green": "green"}


def at_once(count: int, work: Callable[[int], bool]) -> list[bool]:
    """The answers of so many threads that start together."""
    answers: list[bool] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        answers.append(work(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_name_wanted_by_many_at_once_goes_to_one(database: Database) -> None:
    def add(number: int) -> bool:
        with database.transaction() as uow:
            return ProjectStore(uow).add(replace(RED, id=f"pj_{number}"))

    assert sorted(at_once(8, add)) == [False] * 7 + [True]


def test_pairing_holds_once_and_again_after_it_was_revoked(filled: Database) -> None:
    with filled.transaction() as uow:
        store = PairingStore(uow, RED.id)
        assert not store.add(replace(PAIRING, id="pa_2"))
        assert store.revoke("pa_1", LATER)
        assert not store.revoke("pa_1", LATER)
        assert all_holding(uow) == ()
        assert store.add(replace(PAIRING, id="pa_2"))
        assert store.find_holding(APP.id, "ep_1") == replace(PAIRING, id="pa_2")
        assert store.find("pa_1") == replace(PAIRING, revoked_at=LATER)


def test_tokens_revoked_and_not_yet_expired_are_told_to_the_gateway(filled: Database) -> None:
    with filled.transaction() as uow:
        store = IssuedTokenStore(uow)
        assert store.revoke("tk_1", NOW)
        assert not store.revoke("tk_1", LATER)
        assert [token.id for token in store.revoked_and_unexpired(NOW)] == ["tk_1"]
        assert store.revoked_and_unexpired(LATER) == ()


def test_tokens_of_a_principal_are_revoked_but_the_kept_one(filled: Database) -> None:
    with filled.transaction() as uow:
        store = IssuedTokenStore(uow)
        for number in range(3):
            store.add(replace(SESSION, id=f"tk_s{number}"))
        assert store.revoke_all_of(ANN.id, NOW, kind="api", keep="") == 0
        assert store.revoke_all_of(ANN.id, NOW, kind="session", keep="tk_s1") == 3
        assert store.revoke_all_of(ANN.id, NOW, kind=None, keep="") == 1
        found = store.find("tk_1")
        assert found is not None
        assert found.revoked_at is None


def test_tokens_short_lived_are_forgotten_and_api_tokens_kept(filled: Database) -> None:
    with filled.transaction() as uow:
        assert IssuedTokenStore(uow).forget_short_lived(LATER + timedelta(seconds=1)) == 1
        assert IssuedTokenStore(uow).find("tk_1") == API


def test_token_expiries_are_the_longest_of_the_valid_ones(filled: Database) -> None:
    with filled.transaction() as uow:
        store = IssuedTokenStore(uow)
        store.add(replace(API, id="tk_longer", expires_at=LATER + timedelta(days=5)))
        store.add(replace(API, id="tk_revoked", expires_at=LATER + timedelta(days=9), revoked_at=NOW))
        assert TokenStore(uow, RED.id).last_expiries(NOW) == {APP.id: LATER + timedelta(days=5)}


def test_token_pages_repeat_nothing_and_miss_nothing(filled: Database) -> None:
    with filled.transaction() as uow:
        for number in range(10, 35):
            IssuedTokenStore(uow).add(replace(API, id=f"tk_{number}"))
        store, seen, cursor = TokenStore(uow, RED.id), [], None
        while True:
            page = store.list_api_tokens(None, PageRequest(7, open_cursor(cursor) if cursor else None))
            seen += [token.id for token in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
    assert seen == [f"tk_{number}" for number in range(34, 9, -1)] + ["tk_1"]


def test_member_put_twice_has_the_last_role_in_that_project_alone(filled: Database) -> None:
    member = Member(RED.id, "user", ANN.id, "ann", Role.VIEWER, NOW, "admin")
    with filled.transaction() as uow:
        MembershipStore(uow, RED.id).put(member)
        MembershipStore(uow, RED.id).put(replace(member, role=Role.OWNER))
        MembershipStore(uow, BLUE.id).put(replace(member, project_id=BLUE.id))
        assert roles_of(uow, ANN.id) == {RED.id: Role.OWNER, BLUE.id: Role.VIEWER}
        assert MembershipStore(uow, RED.id).list_members(ALL).items == (replace(member, role=Role.OWNER),)
        assert MembershipStore(uow, BLUE.id).remove(ANN.id)
        assert not MembershipStore(uow, BLUE.id).remove(ANN.id)
        assert roles_of(uow, ANN.id) == {RED.id: Role.OWNER}


def test_user_password_and_disabling_are_stored(filled: Database) -> None:
    with filled.transaction() as uow:
        store = UserStore(uow)
        store.set_password(ANN.id, "other", is_one_time=True)
        assert store.find_password_hash(ANN.id) == "other"
        assert store.count_administrators() == 1
        store.set_disabled(ANN.id, LATER)
        assert store.find(ANN.id) == replace(ANN, password_is_one_time=True, disabled_at=LATER)
        assert store.count_administrators() == 0


def test_login_failures_sent_at_once_are_all_counted(database: Database) -> None:
    with database.transaction() as uow:
        LoginFailureStore(uow).put("user:ann", Failures(0, NOW, NOW))

    def count(_: int) -> bool:
        with database.transaction() as uow:
            store = LoginFailureStore(uow)
            found = store.find("user:ann")
            assert found is not None
            store.put("user:ann", replace(found, count=found.count + 1))
        return True

    at_once(8, count)
    with database.reading() as uow:
        found = LoginFailureStore(uow).find("user:ann")
    assert found == Failures(8, NOW, NOW)


def test_login_failures_cleared_or_old_are_gone(database: Database) -> None:
    def names(uow: UnitOfWork) -> list[bool]:
        return [LoginFailureStore(uow).find(name) is not None for name in ("a", "b", "c")]

    with database.transaction() as uow:
        store = LoginFailureStore(uow)
        for name, moment in (("a", NOW), ("b", LATER), ("c", LATER)):
            store.put(name, Failures(1, moment, moment))
        store.clear("c")
        assert store.forget_before(LATER) == 1
        assert names(uow) == [False, True, False]


def test_node_is_found_by_key_and_no_more_by_name_when_revoked(database: Database) -> None:
    node = EnrolledNode("no_1", "local", bytes(range(32)), "sha256:abc", NOW)
    with database.transaction() as uow:
        store = EnrolledNodeStore(uow)
        store.add(node)
        assert store.find_by_name("local") == node
        store.revoke("no_1", LATER)
        assert store.find_by_name("local") is None
        assert store.find_by_key("sha256:abc") == replace(node, revoked_at=LATER)
        assert store.nodes() == (replace(node, revoked_at=LATER),)
