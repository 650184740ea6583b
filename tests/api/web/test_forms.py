"""What the console's forms do, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.web.conftest import ORIGIN, Console

from modelyard.deployment.endpoints.trying import Answer
from modelyard.web import versions
from modelyard.web.versions import read_rows

ELSEWHERE = (
    "//evil.example", "https://evil.example", "/\\evil.example", "/ui/\\evil.example", "/ui//evil.example",
    "javascript:alert(1)", "/ui/../\\evil.example", "%2f%2fevil.example", "evil.example/ui/", "/api/v1/me",
)  # fmt: skip


@pytest.mark.parametrize("then", ELSEWHERE)
def test_a_login_never_leads_elsewhere(console: Console, then: str) -> None:
    answer = console.log_in("author", then=then)
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/")


def test_a_login_leads_to_where_one_wanted_to_go(console: Console) -> None:
    asked = console.anonymous().get("/ui/releases/1?x=1")
    page = console.anonymous().get(asked.headers["location"])
    assert 'name="then" value="/ui/releases/1?x=1"' in page.text
    answer = console.log_in("author", then="/ui/releases/1?x=1")
    assert answer.headers["location"] == "/ui/releases/1?x=1"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_a_wrong_password_shows_the_form_again(console: Console) -> None:
    answer = console.log_in("author", "not the password")
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text
    assert 'value="author"' in answer.text
    assert "not the password" not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_a_form_that_another_site_sent_is_refused(console: Console, headers: dict[str, str]) -> None:
    reviewer = console.browser("reviewer")
    for path in console.paths("POST"):
        answer = reviewer.post(path, data={"why": "x", "seen": ""}, headers=headers)
        assert answer.status_code == 403, path
        assert answer.headers["content-type"].startswith("text/html"), path
    assert console.demo.get(1)["state"] == "pending"
    stolen = console.anonymous().post("/login", data={"user": "author", "password": "x"}, headers=headers)
    assert stolen.status_code == 403
    assert "set-cookie" not in stolen.headers


def test_a_logout_ends_the_session(console: Console) -> None:
    browser = console.browser("author")
    cookie = browser.cookies["modelyard_session"]
    assert browser.post("/logout", headers=ORIGIN).headers["location"] == "/login"
    again = console.anonymous()
    again.cookies.set("modelyard_session", cookie)
    assert again.get("/ui/").headers["location"].startswith("/login")


def test_a_version_goes_live_by_two_people_on_pages_alone(console: Console) -> None:
    author, reviewer = console.browser("author"), console.browser("reviewer")
    own = author.get("/ui/releases/1").text
    assert "so someone else decides" in own
    assert "/ui/releases/1/approve" not in own
    page = reviewer.get("/ui/releases/1").text
    seen = page.split('name="seen" value="')[1].split('"')[0]
    approved = reviewer.post("/ui/releases/1/approve", data={"why": "fine", "seen": seen}, headers=ORIGIN)
    assert approved.headers["location"].startswith("/ui/releases/1?done=Approved")
    console.site.report_live(console.demo.get(1), console.site.endpoint_id(console.demo.author, "demo", "mine"))
    assert "Answers at" in author.get("/ui/p/demo/models/tumour/versions/1.0.0").text
    assert "/v2/models/demo.mine/predict" in author.get("/ui/p/demo/endpoints/mine").text


def test_an_approval_of_evidence_that_changed_since_is_refused(console: Console) -> None:
    answer = console.browser("reviewer").post(
        "/ui/releases/1/approve", data={"why": "fine", "seen": "sha256:" + "0" * 64}, headers=ORIGIN
    )
    assert answer.status_code == 412
    assert console.demo.get(1)["state"] == "pending"


def test_a_try_asks_the_endpoint_as_the_viewer(console: Console) -> None:
    console.demo.release("1.1.0")
    answer = console.browser("author").post(
        "/ui/p/demo/endpoints/mine/try", data={"rows": '{"x": 2.5}'}, headers=ORIGIN
    )
    assert answer.status_code == 200
    assert "Where this came from" in answer.text
    path, rows, token = console.site.gateway.asked[-1]
    assert (path, rows, token.count(".")) == ("/v2/models/demo.mine", [{"x": 2.5}], 2)
    assert token not in answer.text


def test_a_try_of_no_json_says_where_it_stops_being_json(console: Console) -> None:
    for path in ("/ui/p/demo/models/tumour/versions/1.0.0/try", "/ui/p/demo/endpoints/mine/try"):
        answer = console.browser("reviewer").post(path, data={"rows": '{"x": '}, headers=ORIGIN)
        assert answer.status_code == 422, path
        if "versions" in path:
            assert "rows: got no JSON" in answer.text
            assert "{&#34;x&#34;: </textarea>" in answer.text
    assert console.site.gateway.asked == []


def test_a_preview_waits_until_the_node_has_heard_of_it(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "PREVIEW_PAUSE_S", 0.0)
    gateway, asked = console.site.gateway, []

    def slow(path: str, rows: list[dict[str, Any]], token: str) -> Answer:
        asked.append(path)
        return Answer((404, 503, 200)[len(asked) - 1], {"predictions": [{"label": "benign"}]}, "pr_1", 1.0)

    monkeypatch.setattr(gateway, "predict", slow)
    answer = console.browser("author").post(
        "/ui/p/demo/models/tumour/versions/1.0.0/try", data={"rows": '[{"x": 1.0}]'}, headers=ORIGIN
    )
    assert answer.status_code == 200
    assert "benign" in answer.text
    assert asked == ["/preview/v2/models/demo.tumour/versions/1.0.0"] * 3
    events = console.demo.reviewer.get("/api/v1/audit", params={"action": "deployment.preview.granted"}).json()
    assert len(events["items"]) == 1


def test_a_preview_that_never_starts_says_to_try_again(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "PREVIEW_WAIT_S", 0.0)
    monkeypatch.setattr(console.site.gateway, "predict", lambda *_: Answer(503, {"error": "starting"}, "", 1.0))
    answer = console.browser("author").post(
        "/ui/p/demo/models/tumour/versions/1.0.0/try", data={"rows": '[{"x": 1.0}]'}, headers=ORIGIN
    )
    assert "It is still starting" in answer.text


def test_an_operator_may_not_preview(console: Console) -> None:
    operator = console.browser("operator")
    assert "Try it" not in operator.get("/ui/p/demo/models/tumour/versions/1.0.0").text
    answer = operator.post("/ui/p/demo/models/tumour/versions/1.0.0/try", data={"rows": "[{}]"}, headers=ORIGIN)
    assert answer.status_code == 403


def test_a_callers_token_is_shown_once(console: Console) -> None:
    owner = console.browser("owner")
    allow = {"caller": "clinic-app", "endpoint": "mine", "purpose": "triage"}
    owner.post("/ui/p/demo/callers/allow", data=allow, headers=ORIGIN)
    answer = owner.post("/ui/p/demo/callers/tokens", data={"caller": "clinic-app", "days": "3"}, headers=ORIGIN)
    token = answer.text.split('<pre class="wrap">')[1].split("</pre>")[0]
    assert token.count(".") == 2
    assert answer.headers["cache-control"] == "no-store"
    assert token not in owner.get("/ui/p/demo/callers").text
    assert "clinic-app" in owner.get("/ui/p/demo/callers").text


def test_an_owner_gives_and_takes_roles(console: Console) -> None:
    owner = console.browser("owner")
    given = owner.post("/ui/p/demo/members", data={"member": "outsider", "role": "viewer"}, headers=ORIGIN)
    assert given.headers["location"].startswith("/ui/p/demo/members?done=outsider")
    assert console.browser("outsider").get("/ui/p/demo/models").status_code == 200
    owner.post("/ui/p/demo/members/remove", data={"member": "outsider"}, headers=ORIGIN)
    assert console.browser("outsider").get("/ui/p/demo/models").status_code == 404


def test_a_developer_sees_members_and_changes_none(console: Console) -> None:
    author = console.browser("author")
    assert "Give a role" not in author.get("/ui/p/demo/members").text
    answer = author.post("/ui/p/demo/members", data={"member": "author", "role": "owner"}, headers=ORIGIN)
    assert answer.status_code == 403


def test_a_project_opens_at_what_its_viewer_may_see(console: Console) -> None:
    assert console.browser("author").get("/ui/p/demo").headers["location"] == "/ui/p/demo/models"
    admin = console.browser("admin")
    assert admin.get("/ui/p/demo").headers["location"] == "/ui/p/demo/members"
    assert ">Models</a>" not in admin.get("/ui/p/demo/members").text


def test_an_administrator_adds_a_user_whose_password_is_shown_once(console: Console) -> None:
    admin = console.browser("admin")
    added = admin.post(
        "/ui/users", data={"name": "vera", "display_name": "Vera L", "is_auditor": "true"}, headers=ORIGIN
    )
    password = added.text.split('<pre class="wrap">')[1].split("</pre>")[0]
    assert password not in admin.get("/ui/users").text
    assert console.log_in("vera", password).headers["location"] == "/ui/password"
    vera = console.browsers["vera"]
    assert vera.get("/ui/audit").headers["location"] == "/ui/password", "nothing else before that"
    changed = vera.post("/ui/password", data={"old": password, "new": "five quiet green boats"}, headers=ORIGIN)
    assert changed.headers["location"].startswith("/ui/?done=Password")
    assert vera.get("/ui/audit").status_code == 200
    admin.post("/ui/users/vera/disable", headers=ORIGIN)
    assert vera.get("/ui/audit").headers["location"].startswith("/login")


def test_users_are_for_administrators_alone(console: Console) -> None:
    owner = console.browser("owner")
    assert owner.get("/ui/users").status_code == 403
    assert "/ui/users" not in owner.get("/ui/").text
    assert "/ui/users" in console.browser("admin").get("/ui/").text
    for path in ("/ui/users", "/ui/users/admin/reset-password", "/ui/users/admin/disable"):
        assert owner.post(path, data={"name": "mallory"}, headers=ORIGIN).status_code == 403, path


@pytest.mark.parametrize(
    ("text", "rows"),
    [('{"x": 1}', [{"x": 1}]), ('[{"x": 1}]', [{"x": 1}]), ('{"rows": [{"x": 1}, {"x": 2}]}', [{"x": 1}, {"x": 2}])],
)
def test_rows_are_read_however_they_are_given(text: str, rows: list[dict[str, Any]]) -> None:
    assert read_rows(text) == rows
