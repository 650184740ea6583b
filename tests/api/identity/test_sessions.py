from __future__ import annotations

import pytest
import sqlalchemy as sa
from tests.support.application import PASSWORD, IdentityApplication

from modelyard.infra.crypto.ed25519 import SigningKey
from modelyard.infra.crypto.jwt import Claims, encode_jwt


def test_login_with_right_password_gives_session(site: IdentityApplication) -> None:
    me = site.administrator().get("/api/v1/me").json()
    assert (me["name"], me["kind"], me["is_administrator"], me["projects"]) == ("admin", "user", True, [])


def test_login_with_wrong_password_and_unknown_name_answer_alike(site: IdentityApplication) -> None:
    site.administrator()
    answers = [
        site.client().post("/api/v1/sessions", json={"user": name, "password": "wrong wrong wrong"})
        for name in ("admin", "nobody")
    ]
    assert [a.status_code for a in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["code"] == "sessions.login_refused"


def test_login_after_five_failures_waits_longer_each_time(site: IdentityApplication) -> None:
    site.administrator()
    wrong = {"user": "admin", "password": "wrong wrong wrong"}
    assert [site.client().post("/api/v1/sessions", json=wrong).status_code for _ in range(5)] == [401] * 5
    waits = []
    for _ in range(4):
        refused = site.client().post("/api/v1/sessions", json={"user": "admin", "password": PASSWORD})
        assert refused.status_code == 429
        waits.append(int(refused.headers["retry-after"]))
        site.clock.advance(seconds=waits[-1])
        assert site.client().post("/api/v1/sessions", json=wrong).status_code == 401
    assert waits == [1, 2, 4, 8]


def test_login_after_the_wait_clears_the_count(site: IdentityApplication) -> None:
    site.administrator()
    for _ in range(5):
        site.client().post("/api/v1/sessions", json={"user": "admin", "password": "wrong wrong wrong"})
    site.clock.advance(seconds=2)
    site.log_in("admin")
    wrong = site.client().post("/api/v1/sessions", json={"user": "admin", "password": "wrong wrong wrong"})
    assert wrong.status_code == 401


def test_login_guesses_over_many_names_are_bounded_for_the_installation(site: IdentityApplication) -> None:
    statuses = [
        site.client().post("/api/v1/sessions", json={"user": f"user{i}", "password": "guess"}).status_code
        for i in range(125)
    ]
    assert statuses[:120] == [401] * 120
    assert statuses[120:] == [429] * 5
    site.clock.advance(seconds=61)
    assert site.client().post("/api/v1/sessions", json={"user": "ann", "password": "guess"}).status_code == 401


def test_logins_that_succeed_never_throttle_anybody(site: IdentityApplication) -> None:
    site.administrator()
    for _ in range(125):
        site.log_in("admin")


def test_logout_then_token_is_refused(site: IdentityApplication) -> None:
    admin = site.administrator()
    assert admin.delete("/api/v1/sessions/current").status_code == 204
    refused = admin.get("/api/v1/me")
    assert refused.status_code == 401
    assert "revoked" in refused.json()["detail"]
    assert refused.headers["www-authenticate"].startswith("Bearer")


def test_session_after_its_life_is_refused(site: IdentityApplication) -> None:
    admin = site.administrator()
    site.clock.advance(hours=12, seconds=1)
    refused = admin.get("/api/v1/me")
    assert refused.status_code == 401
    assert "expired" in refused.json()["detail"]


def test_token_of_another_installation_is_refused(site: IdentityApplication) -> None:
    now = int(site.clock.now().timestamp())
    claims = Claims("in_other", "modelyard", "us_x", "tk_x", "session", now, now + 60)
    foreign = site.client(encode_jwt(claims, SigningKey.generate())).get("/api/v1/me")
    stolen_key = site.client(encode_jwt(claims, site.keys.token)).get("/api/v1/me")
    assert (foreign.status_code, stolen_key.status_code) == (401, 401)
    assert "does not know" in foreign.json()["detail"]
    assert "another installation" in stolen_key.json()["detail"]


def test_token_signed_by_us_but_never_issued_is_refused(site: IdentityApplication) -> None:
    now = int(site.clock.now().timestamp())
    claims = Claims(site.keys.installation, "modelyard", "us_x", "tk_x", "session", now, now + 60)
    assert site.client(encode_jwt(claims, site.keys.token)).get("/api/v1/me").status_code == 401


def test_token_in_the_query_string_is_no_credential(site: IdentityApplication) -> None:
    token = site.administrator().headers["authorization"].removeprefix("Bearer ")
    for name in ("access_token", "token", "authorization"):
        assert site.client().get(f"/api/v1/me?{name}={token}").status_code == 401


def test_cookie_reads_but_changes_only_from_our_own_pages(site: IdentityApplication) -> None:
    token = site.administrator().headers["authorization"].removeprefix("Bearer ")
    cookie = {"cookie": f"modelyard_session={token}"}
    body = {"name": "demo"}
    assert site.client(**cookie).get("/api/v1/me").status_code == 200
    for headers in (
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
    ):
        refused = site.client(**cookie, **headers).post("/api/v1/projects", json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "http.cross_site_request"), headers
    own = {"sec-fetch-site": "same-origin"}
    assert site.client(**cookie, **own).post("/api/v1/projects", json=body).status_code == 201
    by_origin = {"origin": "http://testserver"}
    assert site.client(**cookie, **by_origin).post("/api/v1/projects", json={"name": "two"}).status_code == 201


def test_api_token_in_a_cookie_is_refused(site: IdentityApplication) -> None:
    admin = site.administrator()
    site.make_project(admin, "demo")
    token = admin.post("/api/v1/projects/demo/tokens", json={}).json()["token"]
    assert site.client(cookie=f"modelyard_session={token}").get("/api/v1/me").status_code == 401


def test_password_change_ends_other_sessions_and_keeps_this_one(site: IdentityApplication) -> None:
    first, second = site.administrator(), site.log_in("admin")
    change = {"old": PASSWORD, "new": "other unrelated words"}
    assert first.post("/api/v1/me/password", json=change).status_code == 204
    assert (first.get("/api/v1/me").status_code, second.get("/api/v1/me").status_code) == (200, 401)
    site.log_in("admin", "other unrelated words")


@pytest.mark.parametrize("new", ["short", "aaaaaaaaaaaaaaaaa", "admin123456", PASSWORD])
def test_password_change_to_a_weak_one_is_refused(site: IdentityApplication, new: str) -> None:
    answer = site.administrator().post("/api/v1/me/password", json={"old": PASSWORD, "new": new})
    assert (answer.status_code, answer.json()["code"]) == (422, "users.password_refused")
    assert new not in answer.text.replace(answer.json()["request_id"] or "?", "")


def test_password_change_with_wrong_old_one_counts_as_failed_login(site: IdentityApplication) -> None:
    admin = site.administrator()
    change = {"old": "not the old one", "new": "other unrelated words"}
    statuses = [admin.post("/api/v1/me/password", json=change).status_code for _ in range(6)]
    assert statuses == [403] * 5 + [429]


def test_one_time_password_allows_nothing_but_its_change(site: IdentityApplication) -> None:
    admin = site.administrator()
    made = admin.post("/api/v1/users", json={"name": "ann"}).json()
    ann = site.log_in("ann", made["one_time_password"])
    assert ann.get("/api/v1/me").json()["must_change_password"] is True
    refused = ann.get("/api/v1/projects")
    assert (refused.status_code, refused.json()["code"]) == (403, "users.password_change_needed")
    assert (ann.get("/healthz").status_code, ann.get("/ui/models").status_code) == (200, 404)
    ann.post("/api/v1/me/password", json={"old": made["one_time_password"], "new": PASSWORD})
    assert ann.get("/api/v1/projects").status_code == 200


def test_validation_error_of_a_login_repeats_no_password(site: IdentityApplication) -> None:
    answer = site.client().post("/api/v1/sessions", json={"user": 1, "password": "hunter2 hunter2"})
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


def test_idempotency_key_on_a_login_keeps_neither_password_nor_token(site: IdentityApplication) -> None:
    site.administrator()
    body = {"user": "admin", "password": PASSWORD}
    answers = [site.client().post("/api/v1/sessions", json=body, headers={"idempotency-key": "k"}) for _ in range(2)]
    assert answers[0].json()["token"] != answers[1].json()["token"]
    with site.database.reading() as uow:
        assert uow.connection.execute(sa.text("SELECT count(*) FROM idempotency_keys")).scalar() == 0
