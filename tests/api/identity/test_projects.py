from __future__ import annotations

import pytest
from tests.support.application import IdentityApplication


def test_project_of_others_looks_like_one_that_does_not_exist(site: IdentityApplication) -> None:
    admin = site.administrator()
    ann, bob = site.make_user(admin, "ann"), site.make_user(admin, "bob")
    site.make_project(admin, "red", owner="ann")
    site.make_project(admin, "blue", owner="bob")
    for path in ("", "/members", "/service-accounts", "/tokens", "/pairings"):
        hidden = bob.get(f"/api/v1/projects/red{path}")
        missing = bob.get(f"/api/v1/projects/green{path}")
        assert (hidden.status_code, missing.status_code) == (404, 404), path
        assert hidden.text.replace("red", "X") == missing.text.replace("green", "X")
        assert ann.get(f"/api/v1/projects/red{path}").status_code == 200
    assert [p["name"] for p in bob.get("/api/v1/projects").json()["items"]] == ["blue"]
    assert [p["name"] for p in admin.get("/api/v1/projects").json()["items"]] == ["blue", "red"]


def test_project_by_someone_not_administrator_is_refused(site: IdentityApplication) -> None:
    ann = site.make_user(site.administrator(), "ann")
    assert ann.post("/api/v1/projects", json={"name": "mine"}).status_code == 403


def test_project_name_taken_or_malformed_is_refused(site: IdentityApplication) -> None:
    admin = site.administrator()
    site.make_project(admin, "demo")
    assert admin.post("/api/v1/projects", json={"name": "demo"}).json()["code"] == "projects.name_taken"
    assert admin.post("/api/v1/projects", json={"name": "../x"}).status_code == 422
    assert admin.post("/api/v1/projects", json={"name": "x", "colour": "red"}).json()["code"] == "request.malformed"


def test_project_created_twice_with_one_idempotency_key_is_made_once(site: IdentityApplication) -> None:
    admin = site.administrator()
    key = {"idempotency-key": "abc"}
    first = admin.post("/api/v1/projects", json={"name": "demo"}, headers=key)
    again = admin.post("/api/v1/projects", json={"name": "demo"}, headers=key)
    other = admin.post("/api/v1/projects", json={"name": "else"}, headers=key)
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert (other.status_code, other.json()["code"]) == (409, "idempotency.key_reused")


@pytest.mark.parametrize(
    ("role", "may"),
    [("viewer", False), ("developer", False), ("reviewer", False), ("operator", False), ("owner", True)],
)
def test_members_are_managed_by_owners_alone(site: IdentityApplication, role: str, may: bool) -> None:
    admin = site.administrator()
    ann, _ = site.make_user(admin, "ann"), site.make_user(admin, "bob")
    site.make_project(admin, "demo", **{role: "ann"})
    answer = ann.put("/api/v1/projects/demo/members/bob", json={"role": "owner"})
    assert answer.status_code == (200 if may else 403)
    promoted = ann.put("/api/v1/projects/demo/members/ann", json={"role": "owner"})
    assert promoted.status_code == (200 if may else 403)


def test_member_removed_sees_the_project_no_more(site: IdentityApplication) -> None:
    admin = site.administrator()
    ann = site.make_user(admin, "ann")
    site.make_project(admin, "demo", viewer="ann")
    assert ann.get("/api/v1/projects/demo").status_code == 200
    assert admin.delete("/api/v1/projects/demo/members/ann").status_code == 204
    assert ann.get("/api/v1/projects/demo").status_code == 404
    assert admin.delete("/api/v1/projects/demo/members/ann").json()["code"] == "roles.member_not_found"


def test_member_role_changed_is_one_membership_with_the_new_role(site: IdentityApplication) -> None:
    admin = site.administrator()
    ann = site.make_user(admin, "ann")
    site.make_project(admin, "demo", viewer="ann")
    admin.put("/api/v1/projects/demo/members/ann", json={"role": "reviewer"})
    members = admin.get("/api/v1/projects/demo/members").json()["items"]
    assert [(m["member"], m["role"]) for m in members] == [("ann", "reviewer")]
    assert ann.get("/api/v1/me").json()["projects"] == [{"name": "demo", "role": "reviewer"}]


def test_member_with_unknown_role_or_name_is_refused(site: IdentityApplication) -> None:
    admin = site.administrator()
    site.make_project(admin, "demo")
    unknown_role = admin.put("/api/v1/projects/demo/members/admin", json={"role": "king"})
    assert "viewer, developer, reviewer, operator, owner" in unknown_role.json()["detail"]
    unknown_user = admin.put("/api/v1/projects/demo/members/nobody", json={"role": "viewer"})
    assert unknown_user.json()["code"] == "users.not_found"


def test_service_account_is_member_as_viewer_or_developer_only(site: IdentityApplication) -> None:
    admin = site.administrator()
    ann = site.make_user(admin, "ann")
    site.make_project(admin, "demo", owner="ann")
    ann.post("/api/v1/projects/demo/service-accounts", json={"name": "ci"})
    put = "/api/v1/projects/demo/members/service_account:ci"
    assert ann.put(put, json={"role": "reviewer"}).json()["code"] == "roles.not_for_service_accounts"
    assert ann.put(put, json={"role": "developer"}).status_code == 200
    token = ann.post("/api/v1/projects/demo/tokens", json={"principal": "ci"}).json()["token"]
    me = site.client(token).get("/api/v1/me").json()
    assert (me["kind"], me["projects"]) == ("service_account", [{"name": "demo", "role": "developer"}])
    assert site.client(token).get("/api/v1/projects/demo").status_code == 200


def test_administrator_has_no_model_permission_without_a_role(site: IdentityApplication) -> None:
    admin = site.administrator()
    site.make_project(admin, "demo")
    assert admin.get("/api/v1/projects/demo/pairings").status_code == 403
    assert admin.post("/api/v1/prediction-tokens", json={"project": "demo"}).status_code == 403


def test_auditor_reads_everywhere_and_changes_nothing(site: IdentityApplication) -> None:
    admin = site.administrator()
    eve = site.make_user(admin, "eve", is_auditor=True)
    site.make_project(admin, "demo")
    assert eve.get("/api/v1/projects/demo/pairings").status_code == 200
    assert eve.post("/api/v1/projects/demo/service-accounts", json={"name": "x"}).status_code == 403
    assert eve.put("/api/v1/projects/demo/members/eve", json={"role": "owner"}).status_code == 403


def test_lists_with_a_foreign_or_forged_cursor_are_refused(site: IdentityApplication) -> None:
    admin = site.administrator()
    for cursor in ("WzFd", "WyJhIiwiYiJd", "!!!", "bm9wZQ"):
        assert admin.get(f"/api/v1/projects?cursor={cursor}").status_code == 422, cursor
