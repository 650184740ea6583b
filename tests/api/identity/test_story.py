"""A user's life from first start to being let go, on both databases."""

from __future__ import annotations

import threading

from tests.support.application import PASSWORD, IdentityApplication


def test_story_of_a_team_and_its_caller_holds_on_both_databases(site_on_both: IdentityApplication) -> None:
    site = site_on_both
    admin = site.administrator()
    ann, bob = site.make_user(admin, "ann"), site.make_user(admin, "bob")
    site.endpoints.add(site.make_project(admin, "demo", owner="ann", reviewer="bob"), "tumour")
    allow = {"caller": "clinic-app", "endpoint": "tumour", "purpose": "triage"}
    assert bob.post("/api/v1/projects/demo/pairings", json=allow).status_code == 403
    assert ann.post("/api/v1/projects/demo/pairings", json=allow).json()["created"] is True
    assert ann.post("/api/v1/projects/demo/pairings", json=allow).json()["code"] == "pairings.exists"
    issued = ann.post("/api/v1/projects/demo/tokens", json={"principal": "clinic-app", "name": "one"}).json()
    assert site.client(issued["token"]).get("/api/v1/me").json()["name"] == "clinic-app"
    assert ann.get("/api/v1/projects/demo/pairings").json()["items"][0]["token_expires_at"] == issued["expires_at"]
    assert ann.delete(f"/api/v1/projects/demo/tokens/{issued['jti']}").status_code == 200
    assert site.client(issued["token"]).get("/api/v1/me").status_code == 401
    assert admin.post("/api/v1/users/ann/disable").status_code == 200
    assert ann.get("/api/v1/projects").status_code == 401
    assert bob.get("/api/v1/projects?limit=1").json()["items"][0]["name"] == "demo"


def test_logins_guessed_at_once_do_not_slip_past_the_count(site_on_both: IdentityApplication) -> None:
    site = site_on_both
    site.administrator()
    statuses: list[int] = []
    start = threading.Barrier(12)

    def guess(number: int) -> None:
        client = site.client()
        start.wait()
        body = {"user": "admin", "password": f"guess number {number}"}
        statuses.append(client.post("/api/v1/sessions", json=body).status_code)

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [401] * 5 + [429] * 7
    locked = site.client().post("/api/v1/sessions", json={"user": "admin", "password": PASSWORD})
    assert locked.status_code == 429
