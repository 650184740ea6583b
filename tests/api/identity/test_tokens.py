from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from tests.support.application import IdentityApplication


@pytest.fixture
def owner(site: IdentityApplication) -> TestClient:
    """Ann owns `demo`, which has the service account `clinic-app`."""
    admin = site.administrator()
    ann = site.make_user(admin, "ann")
    site.make_project(admin, "demo", owner="ann")
    site.make_project(admin, "other", viewer="ann")
    ann.post("/api/v1/projects/demo/service-accounts", json={"name": "clinic-app"})
    return ann


def test_token_for_service_account_is_shown_once(site: IdentityApplication, owner: TestClient) -> None:
    made = owner.post("/api/v1/projects/demo/tokens", json={"principal": "clinic-app", "days": 30}).json()
    assert made["expires_at"] == "2026-12-23T12:00:00.000Z"
    assert site.client(made["token"]).get("/api/v1/me").json()["name"] == "clinic-app"
    listed = owner.get("/api/v1/projects/demo/tokens?principal=clinic-app").json()["items"]
    assert [item["jti"] for item in listed] == [made["jti"]]
    assert "token" not in listed[0]


def test_tokens_overlap_for_rotation_and_revoking_one_leaves_the_other(
    site: IdentityApplication, owner: TestClient
) -> None:
    old, new = (
        owner.post("/api/v1/projects/demo/tokens", json={"principal": "clinic-app", "name": n}).json()
        for n in ("old", "new")
    )
    changes = len(site.access_changes)
    assert owner.delete(f"/api/v1/projects/demo/tokens/{old['jti']}").json()["revoked_at"] is not None
    assert len(site.access_changes) == changes + 1
    assert site.client(old["token"]).get("/api/v1/me").status_code == 401
    assert site.client(new["token"]).get("/api/v1/me").status_code == 200
    with site.database.reading() as uow:
        assert [token.id for token in site.identity.tokens.revoked_tokens(uow)] == [old["jti"]]


def test_revoked_token_leaves_the_list_for_the_gateway_when_it_expires(
    site: IdentityApplication, owner: TestClient
) -> None:
    made = owner.post("/api/v1/projects/demo/tokens", json={"principal": "clinic-app", "days": 1}).json()
    owner.delete(f"/api/v1/projects/demo/tokens/{made['jti']}")
    site.clock.advance(days=1)
    with site.database.reading() as uow:
        assert site.identity.tokens.revoked_tokens(uow) == ()


def test_token_repeated_with_one_idempotency_key_is_the_same_token_and_not_stored(
    site: IdentityApplication, owner: TestClient
) -> None:
    body, key = {"principal": "clinic-app"}, {"idempotency-key": "k1"}
    answers = [owner.post("/api/v1/projects/demo/tokens", json=body, headers=key) for _ in range(2)]
    assert [a.status_code for a in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    dump = "\n".join(site.database.engine.raw_connection().driver_connection.iterdump())
    assert answers[0].json()["token"].rpartition(".")[2] not in dump


def test_token_list_warns_when_less_than_14_days_are_left(site: IdentityApplication, owner: TestClient) -> None:
    owner.post("/api/v1/projects/demo/tokens", json={"principal": "clinic-app", "days": 30})
    soon, later = [], []
    later = owner.get("/api/v1/projects/demo/tokens").json()["items"]
    site.clock.advance(days=17)
    owner = site.log_in("ann")
    soon = owner.get("/api/v1/projects/demo/tokens").json()["items"]
    assert (later[0]["days_left"], later[0]["warning"]) == (30, None)
    assert soon[0]["days_left"] == 13
    assert soon[0]["warning"].startswith("It expires in 13 days.")


@pytest.mark.parametrize("days", [0, -1, 366, 10**9])
def test_token_life_outside_1_to_365_days_is_refused(owner: TestClient, days: int) -> None:
    answer = owner.post("/api/v1/projects/demo/tokens", json={"principal": "clinic-app", "days": days})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_token_for_me_reaches_its_project_alone(site: IdentityApplication, owner: TestClient) -> None:
    token = owner.post("/api/v1/projects/demo/tokens", json={"name": "laptop"}).json()["token"]
    mine = site.client(token)
    assert mine.get("/api/v1/projects/demo").status_code == 200
    assert mine.get("/api/v1/projects/other").status_code == 404
    assert [p["name"] for p in mine.get("/api/v1/projects").json()["items"]] == ["demo"]
    assert mine.get("/api/v1/me").json()["projects"] == [{"name": "demo", "role": "owner"}]


def test_token_of_an_administrator_is_none_outside_its_project(site: IdentityApplication, owner: TestClient) -> None:
    admin = site.administrator()
    token = site.client(admin.post("/api/v1/projects/demo/tokens", json={}).json()["token"])
    assert token.get("/api/v1/users").status_code == 403
    assert token.get("/api/v1/projects/other").status_code == 404
    assert token.get("/api/v1/projects/demo").status_code == 200


def test_token_can_not_prolong_itself(site: IdentityApplication, owner: TestClient) -> None:
    token = owner.post("/api/v1/projects/demo/tokens", json={}).json()["token"]
    refused = site.client(token).post("/api/v1/projects/demo/tokens", json={"days": 365})
    assert (refused.status_code, refused.json()["code"]) == (403, "tokens.not_for_itself")
    change = {"old": "four unrelated words here", "new": "five unrelated words here"}
    assert site.client(token).post("/api/v1/me/password", json=change).status_code == 401


def test_token_for_service_account_by_developer_is_refused(site: IdentityApplication, owner: TestClient) -> None:
    bob = site.make_user(site.administrator(), "bob")
    owner.put("/api/v1/projects/demo/members/bob", json={"role": "developer"})
    refused = bob.post("/api/v1/projects/demo/tokens", json={"principal": "clinic-app"})
    assert (refused.status_code, refused.json()["params"]["permission"]) == (403, "pairing:manage")
    assert bob.post("/api/v1/projects/demo/tokens", json={}).status_code == 201


def test_token_of_someone_else_is_not_revoked_by_a_developer(site: IdentityApplication, owner: TestClient) -> None:
    bob = site.make_user(site.administrator(), "bob")
    owner.put("/api/v1/projects/demo/members/bob", json={"role": "developer"})
    made = owner.post("/api/v1/projects/demo/tokens", json={"principal": "clinic-app"}).json()
    assert bob.delete(f"/api/v1/projects/demo/tokens/{made['jti']}").status_code == 403
    assert bob.delete(f"/api/v1/projects/other/tokens/{made['jti']}").status_code == 404


def test_token_of_another_project_is_not_found(owner: TestClient) -> None:
    made = owner.post("/api/v1/projects/demo/tokens", json={"principal": "clinic-app"}).json()
    answer = owner.delete(f"/api/v1/projects/other/tokens/{made['jti']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "tokens.not_found")
    unknown = owner.post("/api/v1/projects/demo/tokens", json={"principal": "nobody"})
    assert unknown.json()["code"] == "service_accounts.not_found"


def test_prediction_token_lives_five_minutes_and_opens_no_api(site: IdentityApplication, owner: TestClient) -> None:
    made = owner.post("/api/v1/prediction-tokens", json={"project": "demo"}).json()
    assert made["expires_at"] == "2026-11-23T12:05:00.000Z"
    refused = site.client(made["token"]).get("/api/v1/me")
    assert refused.status_code == 401
    assert "prediction token can't be used here" in refused.json()["detail"]


def test_prediction_token_by_viewer_is_refused(owner: TestClient) -> None:
    assert owner.post("/api/v1/prediction-tokens", json={"project": "other"}).status_code == 403
    assert owner.post("/api/v1/prediction-tokens", json={"project": "none"}).status_code == 404
