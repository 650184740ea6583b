from __future__ import annotations

import sqlalchemy as sa
from tests.support.application import PASSWORD, IdentityApplication


def events(site: IdentityApplication) -> list[tuple[str, str, str]]:
    with site.database.reading() as uow:
        rows = uow.connection.execute(sa.text("SELECT action, target, outcome FROM audit_events ORDER BY seq"))
        return [tuple(row) for row in rows]


def test_first_start_on_the_host_makes_the_administrator_once(site: IdentityApplication) -> None:
    first = site.host().post("/api/v1/first-start").json()
    second = site.host().post("/api/v1/first-start").json()
    assert first["created"] is True
    assert first["user"] == "admin"
    assert len(first["one_time_password"]) == 29
    assert second == {"created": False, "user": None, "one_time_password": None}
    site.log_in("admin", first["one_time_password"])


def test_first_start_over_the_network_is_refused(site: IdentityApplication) -> None:
    assert site.client().post("/api/v1/first-start").status_code == 401
    admin = site.administrator()
    assert admin.post("/api/v1/first-start").status_code == 403


def test_user_with_given_password_logs_in_at_once(site: IdentityApplication) -> None:
    ann = site.make_user(site.administrator(), "ann", display_name="Ann")
    assert ann.get("/api/v1/projects").json() == {"items": [], "next": None}


def test_user_name_taken_is_conflict(site: IdentityApplication) -> None:
    admin = site.administrator()
    site.make_user(admin, "ann")
    again = admin.post("/api/v1/users", json={"name": "ann", "password": PASSWORD})
    assert (again.status_code, again.json()["code"]) == (409, "users.name_taken")


def test_user_name_not_a_name_or_reserved_is_invalid(site: IdentityApplication) -> None:
    admin = site.administrator()
    for name in ("Ann", "ann!", "", "me", "host", "a" * 64, "service_account:x"):
        assert admin.post("/api/v1/users", json={"name": name, "password": PASSWORD}).status_code == 422, name


def test_users_by_someone_else_are_refused_and_the_refusal_recorded(site: IdentityApplication) -> None:
    ann = site.make_user(site.administrator(), "ann")
    for answer in (
        ann.get("/api/v1/users"),
        ann.post("/api/v1/users", json={"name": "bob", "password": PASSWORD}),
        ann.post("/api/v1/users/admin/reset-password"),
        ann.post("/api/v1/users/admin/disable"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "denied")
    assert ("access.permission.denied", "POST /api/v1/users/admin/disable", "denied") in events(site)


def test_disabled_user_loses_sessions_and_tokens_at_once(site: IdentityApplication) -> None:
    admin = site.administrator()
    ann = site.make_user(admin, "ann")
    site.make_project(admin, "demo", developer="ann")
    api = site.client(ann.post("/api/v1/projects/demo/tokens", json={"name": "laptop"}).json()["token"])
    assert api.get("/api/v1/projects/demo").status_code == 200
    assert admin.post("/api/v1/users/ann/disable").json()["disabled"] is True
    assert (ann.get("/api/v1/me").status_code, api.get("/api/v1/projects/demo").status_code) == (401, 401)
    refused = site.client().post("/api/v1/sessions", json={"user": "ann", "password": PASSWORD})
    assert refused.json()["code"] == "sessions.login_refused"
    with site.database.reading() as uow:
        assert len(site.identity.tokens.revoked_tokens(uow)) == 2


def test_enabled_user_logs_in_again_but_old_tokens_stay_ended(site: IdentityApplication) -> None:
    admin = site.administrator()
    ann = site.make_user(admin, "ann")
    admin.post("/api/v1/users/ann/disable")
    admin.post("/api/v1/users/ann/enable")
    site.log_in("ann")
    assert ann.get("/api/v1/me").status_code == 401


def test_last_administrator_is_not_disabled(site: IdentityApplication) -> None:
    admin = site.administrator()
    assert admin.post("/api/v1/users/admin/disable").json()["code"] == "users.last_administrator"
    site.make_user(admin, "ann", is_administrator=True)
    assert admin.post("/api/v1/users/admin/disable").status_code == 200


def test_password_reset_on_the_host_works_when_nobody_can_log_in(site: IdentityApplication) -> None:
    admin = site.administrator()
    reset = site.host().post("/api/v1/users/admin/reset-password").json()
    assert admin.get("/api/v1/me").status_code == 401
    assert site.client().post("/api/v1/sessions", json={"user": "admin", "password": PASSWORD}).status_code == 401
    site.log_in("admin", reset["one_time_password"])


def test_password_reset_of_unknown_user_is_not_found(site: IdentityApplication) -> None:
    assert site.administrator().post("/api/v1/users/nobody/reset-password").json()["code"] == "users.not_found"


def test_users_are_listed_by_page_without_secrets(site: IdentityApplication) -> None:
    admin = site.administrator()
    for name in ("ann", "bob", "cem"):
        site.make_user(admin, name)
    first = admin.get("/api/v1/users?limit=3").json()
    rest = admin.get(f"/api/v1/users?limit=3&cursor={first['next']}").json()
    assert [user["name"] for user in first["items"] + rest["items"]] == ["admin", "ann", "bob", "cem"]
    assert rest["next"] is None
    assert "hash" not in str(first)


def test_every_change_of_users_is_recorded(site: IdentityApplication) -> None:
    admin = site.administrator()
    site.make_user(admin, "ann")
    admin.post("/api/v1/users/ann/disable")
    admin.post("/api/v1/users/ann/enable")
    admin.post("/api/v1/users/ann/reset-password")
    site.client().post("/api/v1/sessions", json={"user": "ann", "password": "wrong wrong"})
    actions = [action for action, target, _ in events(site) if target == "user:ann"]
    assert actions == [
        "identity.user.created", "identity.user.disabled", "identity.user.enabled", "identity.user.password_reset",
        "identity.login.refused",
    ]  # fmt: skip


def test_passwords_are_nowhere_in_the_database(site: IdentityApplication) -> None:
    admin = site.administrator()
    made = admin.post("/api/v1/users", json={"name": "ann"}, headers={"idempotency-key": "k"}).json()
    site.make_user(admin, "bob")
    dump = "\n".join(site.database.engine.raw_connection().driver_connection.iterdump())
    assert PASSWORD not in dump
    assert made["one_time_password"] not in dump
