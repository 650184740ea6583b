"""Every page: who sees it, under which headers, and what hostile text becomes on it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from tests.api.web.conftest import ORIGIN, Console

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def is_of_project(path: str) -> bool:
    return path.startswith(("/ui/p/demo", "/ui/builds/", "/ui/releases/"))


def test_pages_to_nobody_lead_to_the_login_and_back(shared_console: Console) -> None:
    browser = shared_console.anonymous()
    paths = shared_console.paths("GET")
    assert len(paths) > 18
    for path in paths:
        answer = browser.get(f"{path}?q=1")
        assert answer.status_code == 303, path
        target = urlsplit(answer.headers["location"])
        assert (target.path, parse_qs(target.query)["then"]) == ("/login", [f"{path}?q=1"]), path


def test_forms_of_nobody_lead_to_the_login_and_change_nothing(shared_console: Console) -> None:
    browser = shared_console.anonymous()
    paths = shared_console.paths("POST")
    assert len(paths) > 15
    for path in paths:
        answer = browser.post(path, headers=ORIGIN)
        assert (answer.status_code, answer.headers.get("location")) == (303, "/login?then=%2Fui%2F"), path
    assert shared_console.demo.get(1)["state"] == "pending"


def test_pages_of_another_project_are_not_there(shared_console: Console) -> None:
    outsider = shared_console.browser("outsider")
    paths = [path for path in shared_console.paths("GET") if is_of_project(path) and path != "/ui/releases"]
    assert len(paths) > 11
    for path in paths:
        answer = outsider.get(path, params={"a": "1.0.0", "b": "1.0.0"})
        assert answer.status_code == 404, path
        assert "tumour</h1>" not in answer.text, path
        absent = outsider.get(path.replace("/demo", "/no-such-project"), params={"a": "1.0.0", "b": "1.0.0"})
        if "/p/" in path:
            said = answer.text.replace("demo", "?"), absent.text.replace("no-such-project", "?")
            assert said[0] == said[1], path


FORM = {
    "rows": "[{}]", "alias": "champion", "version": "1.0.0", "endpoint": "mine", "model": "tumour", "why": "x",
    "seen": "x", "caller": "x", "purpose": "x", "member": "outsider", "role": "owner", "name": "new-one", "days": "3",
}  # fmt: skip


def test_forms_for_another_project_find_nothing(shared_console: Console) -> None:
    outsider = shared_console.browser("outsider")
    paths = [path for path in shared_console.paths("POST") if is_of_project(path)]
    assert len(paths) > 11
    for path in paths:
        assert outsider.post(path, data=FORM, headers=ORIGIN).status_code == 404, path
    assert shared_console.demo.get(1)["state"] == "pending"


def test_lists_show_nothing_of_another_project(shared_console: Console) -> None:
    outsider = shared_console.browser("outsider")
    for path in ("/ui/", "/ui/releases", "/ui/audit", "/ui/account"):
        answer = outsider.get(path)
        assert answer.status_code == 200, path
        assert "/demo" not in answer.text, path
        assert "tumour 1.0.0" not in answer.text, path


def test_every_page_has_its_security_headers(shared_console: Console) -> None:
    everyone = [shared_console.browser(name) for name in ("author", "owner", "admin")] + [shared_console.anonymous()]
    pages = [*shared_console.paths("GET"), "/login", "/docs", "/ui/no-such-page", "/ui/releases/999"]
    shown = 0
    for browser in everyone:
        for path in pages:
            answer = browser.get(path, params={"a": "1.0.0", "b": "1.0.0"})
            if answer.status_code == 303:
                continue
            shown += 1
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy, path
            assert "unsafe" not in policy, path
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert answer.headers["cache-control"] == "no-store", path
            assert answer.headers["content-type"].startswith("text/html"), path
            assert " style=" not in answer.text, path
            assert " onclick=" not in answer.text, path
    assert shown > 60


@pytest.mark.parametrize("name", ["author", "reviewer", "owner", "operator"])
def test_pages_open_for_members(shared_console: Console, name: str) -> None:
    browser = shared_console.browser(name)
    pages = ("models", "models/tumour", "models/tumour/versions/1.0.0", "endpoints", "endpoints/mine", "builds",
             "callers", "members")  # fmt: skip
    for page in (*(f"p/demo/{page}" for page in pages), "", "releases", "releases/1", "account", "password"):
        assert browser.get(f"/ui/{page}").status_code == 200, page


def test_one_page_has_one_primary_button_at_most(shared_console: Console) -> None:
    for name in ("author", "reviewer", "owner", "admin"):
        for path in shared_console.paths("GET"):
            answer = shared_console.browser(name).get(path, params={"a": "1.0.0", "b": "1.0.0"})
            assert answer.text.count('class="primary"') <= 1, (name, path)


def test_hostile_text_stays_text_wherever_it_is_shown(console: Console) -> None:
    version = console.register("1.1.0", description=HOSTILE, card=f"# {HOSTILE}\n\n**{HOSTILE}**", tags=(HOSTILE,),
                               metrics={HOSTILE: 0.5}, licence=HOSTILE, sample=[{"x": HOSTILE}])  # fmt: skip
    author, owner = console.browser("author"), console.browser("owner")
    form = {"endpoint": "mine", "model": "tumour", "version": version.number, "why": HOSTILE}
    asked = author.post("/ui/p/demo/releases", data=form, headers=ORIGIN)
    assert asked.status_code == 303
    allowed = {"caller": "app", "endpoint": "mine", "purpose": HOSTILE}
    assert owner.post("/ui/p/demo/callers/allow", data=allowed, headers=ORIGIN).status_code == 303
    seen = 0
    for path in (
        "/ui/", "/ui/releases", "/ui/releases/2", "/ui/p/demo/models", "/ui/p/demo/models/tumour",
        "/ui/p/demo/models/tumour/versions/1.1.0", "/ui/p/demo/endpoints/mine", "/ui/p/demo/callers", "/ui/audit",
        "/ui/p/demo/models/tumour/diff?a=1.0.0&b=1.1.0", f"/ui/?done={HOSTILE}", f"/ui/p/demo/models?q={HOSTILE}",
        f"/ui/audit?actor={HOSTILE}", f"/login?then={HOSTILE}", f"/ui/p/demo/models/{HOSTILE}",
    ):  # fmt: skip
        text = owner.get(path).text
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
        seen += "&lt;script&gt;alert(1)" in text
    assert seen >= 9


def test_an_error_is_a_page_that_says_what_to_do(shared_console: Console) -> None:
    answer = shared_console.browser("author").get("/ui/releases/999")
    assert answer.status_code == 404
    assert "There is no release 999 that you may see." in answer.text
    assert "releases.not_found" in answer.text
    assert 'aria-label="Main"' in answer.text, "the navigation stays"


def test_a_refusal_on_a_page_is_a_page_and_is_in_the_audit_trail(console: Console) -> None:
    answer = console.browser("author").post("/ui/releases/1/approve", data={"why": "me", "seen": "x"}, headers=ORIGIN)
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")
    denied = console.demo.admin.get("/api/v1/audit", params={"outcome": "denied"}).json()["items"]
    assert any("/ui/releases/1/approve" in event["target"] for event in denied)


def test_a_malformed_form_is_an_error_page(shared_console: Console) -> None:
    answer = shared_console.browser("author").post("/ui/releases/1/approve", data={}, headers=ORIGIN)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")


def test_the_api_keeps_its_problem_documents(shared_console: Console) -> None:
    answer = shared_console.demo.author.get("/api/v1/releases/999")
    assert answer.headers["content-type"] == "application/problem+json"
    assert shared_console.anonymous().get("/api/v1/me").status_code == 401
    assert shared_console.anonymous().get("/nowhere").headers["content-type"] == "application/problem+json"


def test_a_page_that_is_not_there_says_so(shared_console: Console) -> None:
    answer = shared_console.anonymous().get("/ui/no-such-page")
    assert answer.status_code == 404
    assert "There is no page at this address." in answer.text


@pytest.mark.parametrize("page", ["releases", "builds"])
def test_a_number_beyond_every_database_is_an_error_page(shared_console: Console, page: str) -> None:
    answer = shared_console.demo.author.get(f"/ui/{page}/99999999999999999999", headers={"accept": "text/html"})
    assert answer.status_code == 422
    assert "text/html" in answer.headers["content-type"]


def test_an_unforeseen_fault_is_a_page_without_its_detail(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("secret detail")

    monkeypatch.setattr(type(console.site.models), "list_models", fail)
    browser = console.browser("author")
    browser._transport.raise_server_exceptions = False
    answer = browser.get("/ui/p/demo/models")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "Something went wrong on our side" in answer.text


def test_the_reference_lists_every_route_of_the_document(shared_console: Console) -> None:
    text = shared_console.anonymous().get("/docs").text
    for path in shared_console.site.app.openapi()["paths"]:
        assert path.startswith("/node/") or path in text, path
