from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from tests.support.application import IdentityApplication

PAIRINGS = "/api/v1/projects/demo/pairings"
ALLOW = {"caller": "clinic-app", "endpoint": "tumour", "purpose": "triage"}


@pytest.fixture
def owner(site: IdentityApplication) -> TestClient:
    """Ann owns `demo`, which has the endpoint `tumour`."""
    admin = site.administrator()
    ann = site.make_user(admin, "ann")
    site.endpoints.add(site.make_project(admin, "demo", owner="ann"), "tumour")
    site.make_project(admin, "other", owner="ann")
    return ann


def test_allow_of_unknown_caller_makes_the_service_account_and_says_so(
    site: IdentityApplication, owner: TestClient
) -> None:
    changes = len(site.access_changes)
    made = owner.post(PAIRINGS, json=ALLOW)
    assert (made.status_code, made.json()["created"]) == (201, True)
    assert len(site.access_changes) == changes + 1
    accounts = owner.get("/api/v1/projects/demo/service-accounts").json()["items"]
    assert [account["name"] for account in accounts] == ["clinic-app"]
    with site.database.reading() as uow:
        (pairing,) = site.identity.pairings.all_holding(uow)
    assert (pairing.caller, pairing.endpoint, pairing.purpose) == ("clinic-app", "tumour", "triage")


def test_allow_of_known_caller_makes_none(owner: TestClient) -> None:
    owner.post("/api/v1/projects/demo/service-accounts", json={"name": "clinic-app"})
    assert owner.post(PAIRINGS, json=ALLOW).json()["created"] is False


def test_allow_twice_is_conflict_naming_the_purpose(owner: TestClient) -> None:
    owner.post(PAIRINGS, json=ALLOW)
    again = owner.post(PAIRINGS, json={**ALLOW, "purpose": "research"})
    assert (again.status_code, again.json()["code"]) == (409, "pairings.exists")
    assert "triage" in again.json()["detail"]


@pytest.mark.parametrize("purpose", ["", "   ", "x" * 301])
def test_allow_without_a_purpose_is_refused(owner: TestClient, purpose: str) -> None:
    assert owner.post(PAIRINGS, json={**ALLOW, "purpose": purpose}).status_code == 422
    assert owner.get("/api/v1/projects/demo/service-accounts").json()["items"] == []


def test_allow_on_endpoint_of_another_project_is_not_found(owner: TestClient) -> None:
    answer = owner.post("/api/v1/projects/other/pairings", json=ALLOW)
    assert (answer.status_code, answer.json()["code"]) == (404, "pairings.endpoint_unknown")


def test_deny_ends_it_and_the_record_stays(site: IdentityApplication, owner: TestClient) -> None:
    made = owner.post(PAIRINGS, json=ALLOW).json()
    denied = owner.delete(f"{PAIRINGS}/{made['id']}")
    assert denied.json()["revoked_at"] is not None
    assert owner.delete(f"{PAIRINGS}/{made['id']}").json() == denied.json()
    assert owner.get(PAIRINGS).json()["items"] == []
    assert owner.post(PAIRINGS, json={**ALLOW, "purpose": "research"}).json()["created"] is False


def test_deny_from_another_project_is_not_found(owner: TestClient) -> None:
    made = owner.post(PAIRINGS, json=ALLOW).json()
    answer = owner.delete(f"/api/v1/projects/other/pairings/{made['id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "pairings.not_found")
    assert len(owner.get(PAIRINGS).json()["items"]) == 1


def test_pairings_by_developer_are_read_and_not_changed(site: IdentityApplication, owner: TestClient) -> None:
    bob = site.make_user(site.administrator(), "bob")
    owner.put("/api/v1/projects/demo/members/bob", json={"role": "developer"})
    made = owner.post(PAIRINGS, json=ALLOW).json()
    assert bob.get(PAIRINGS).status_code == 200
    assert bob.post(PAIRINGS, json={**ALLOW, "caller": "mine"}).status_code == 403
    assert bob.delete(f"{PAIRINGS}/{made['id']}").status_code == 403


def test_pairings_list_says_until_when_the_caller_has_a_token(site: IdentityApplication, owner: TestClient) -> None:
    owner.post(PAIRINGS, json=ALLOW)
    assert owner.get(PAIRINGS).json()["items"][0]["token_expires_at"] is None
    for days in (5, 30):
        owner.post("/api/v1/projects/demo/tokens", json={"principal": "clinic-app", "days": days})
    listed = owner.get(f"{PAIRINGS}?endpoint=tumour").json()["items"]
    assert listed[0]["token_expires_at"] == "2026-12-23T12:00:00.000Z"
    assert owner.get(f"{PAIRINGS}?endpoint=none").json()["items"] == []
