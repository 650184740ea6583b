"""The console in a real browser, over real processes: log in → request → approve → try it → lineage.

Along the way: a wrong password, an author who would approve their own work, markup in a reason, a phone, no script.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
# Chromium as any test machine may have it; nothing of it goes anywhere but to loopback.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
HOSTILE = "<script>document.title='taken'</script> the second opinion"
PAGES = (
    "/ui/", "/ui/releases", "/ui/releases/2", "/ui/audit", "/ui/account", "/ui/p/demo/models", "/ui/p/demo/builds",
    "/ui/p/demo/models/tumour", "/ui/p/demo/models/tumour/versions/1.1.0", "/ui/p/demo/endpoints", "/ui/builds/1",
    "/ui/p/demo/models/tumour/diff?a=1.0.0&b=1.1.0", "/ui/p/demo/endpoints/tumour", "/ui/p/demo/callers",
    "/ui/p/demo/members", "/docs",
)  # fmt: skip
WIDER_THAN_THE_PAGE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Installation:
    url: str
    passwords: dict[str, str]


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """What `make run` leaves running, with the logins that it prints."""
    folder = Path(tempfile.mkdtemp(prefix="my-console-"))
    folder.chmod(0o711)  # workers that run as other users pass through it
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "modelyard.cli.demo", "--home", str(folder / "home"), "--port", str(port)]
    environment = {**os.environ, "MODELYARD_CONFIG_DIR": str(folder / "config"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        said = ""
        for line in process.stdout or ():
            said += line
            if line.startswith("Console"):
                break
        passwords = dict(re.findall(r"(author|reviewer|owner) (\S+)", said.rpartition("logins")[2]))
        assert set(passwords) == {"author", "reviewer", "owner"}, said
        yield Installation(f"http://127.0.0.1:{port}", passwords)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("no Chromium on the path: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


class Person:
    """Somebody's own browser profile. `faults` are what its console complained of."""

    def __init__(self, chromium: Any, installation: Installation, name: str, **options: Any) -> None:
        self.name, self._installation = name, installation
        self.context = chromium.new_context(base_url=installation.url, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._note)

    def _note(self, message: Any) -> None:
        # An answer of 4xx that the test asked for is no fault of the page.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.faults.append(message.text)

    def log_in(self, password: str = "", then: str = "/ui/") -> None:
        self.page.goto(then)
        self.page.get_by_label("User").fill(self.name)
        self.page.get_by_label("Password").fill(password or self._installation.passwords[self.name])
        self.click("Log in")

    def click(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).click()
        self.page.wait_for_load_state()


def test_a_version_goes_from_request_to_lineage_in_the_browser(chromium: Any, installation: Installation) -> None:
    author = Person(chromium, installation, "author")
    version = "/ui/p/demo/models/tumour/versions/1.0.0"
    author.log_in("not the password", then=version)
    assert "Name or password is wrong" in author.page.get_by_role("alert").inner_text()
    author.log_in(then=version)
    assert author.page.url.endswith(version), "the login leads to where one wanted to go"
    author.click("Predict")
    assert '"label": "benign"' in author.page.locator("#answer").inner_text(), "a preview needs no approval"
    author.page.get_by_label("To endpoint").fill("second")
    author.page.get_by_label("Why").fill(HOSTILE)
    author.click("Request release")
    number = re.search(r"/ui/releases/(\d+)", author.page.url)
    assert number is not None, author.page.url
    assert HOSTILE in author.page.locator("main").inner_text()
    assert author.page.title() == f"Release {number[1]} · Modelyard", "markup in a reason stays text"
    assert author.page.get_by_role("button", name="Approve").count() == 0
    forged = author.context.request.post(
        f"/ui/releases/{number[1]}/approve", form={"why": "mine", "seen": "x"}, headers={"origin": installation.url}
    )
    assert forged.status == 403

    reviewer = Person(chromium, installation, "reviewer")
    reviewer.log_in()
    reviewer.page.get_by_role("link", name=f"Release {number[1]}", exact=True).first.click()
    reviewer.page.get_by_label("Why").fill("agrees with the first")
    reviewer.click("Approve")
    state = reviewer.page.locator("#release-state")
    state.get_by_text("live", exact=True).wait_for()
    reviewer.page.get_by_role("link", name="demo/second").click()
    rows = reviewer.page.get_by_label("Rows")
    good = rows.input_value()
    rows.fill('[{"mean radius": "13,5"}]')
    reviewer.click("Predict")
    assert "expected FP64" in reviewer.page.locator("#answer").inner_text()
    reviewer.page.get_by_label("Rows").fill(good)
    reviewer.click("Predict")
    assert '"version": "1.0.0"' in reviewer.page.locator("#answer").inner_text()
    reviewer.page.get_by_role("link", name="Where this came from").click()
    told = reviewer.page.locator("main").inner_text()
    for words in ("train.csv", "build 1", "by author", "approved by reviewer", "agrees with the first"):
        assert words in told, told
    assert (author.faults, reviewer.faults) == ([], [])


def test_snippets_are_tabs_and_everything_is_reached_by_keyboard(chromium: Any, installation: Installation) -> None:
    owner = Person(chromium, installation, "owner")
    owner.log_in(then="/ui/p/demo/endpoints/tumour")
    page = owner.page
    tabs = page.get_by_role("tab")
    assert tabs.all_inner_texts() == ["curl", "Python", "JavaScript", "Java"]
    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tabpanel").all_inner_texts()[0].find("import urllib.request") >= 0
    page.goto("/ui/p/demo/models")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.goto("/ui/p/demo/callers")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.textContent.trim()"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline in ("solid", "auto"), "focus is visible"
        if page.evaluate("document.activeElement.textContent.trim()") == "API":
            break
    assert {"Allow", "Make", "Revoke", "Log out"} <= seen
    assert owner.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone(chromium: Any, installation: Installation, scheme: Any) -> None:
    phone = {"width": 360, "height": 740}
    owner = Person(chromium, installation, "owner", viewport=phone, color_scheme=scheme)
    owner.log_in()
    for path in PAGES:
        answer = owner.page.goto(path)
        assert answer.status == 200, path
        assert owner.page.evaluate(WIDER_THAN_THE_PAGE) <= 0, path
    assert owner.faults == []


def test_the_console_works_without_a_script(chromium: Any, installation: Installation) -> None:
    owner = Person(chromium, installation, "owner", java_script_enabled=False)
    owner.log_in(then="/ui/p/demo/endpoints/tumour")
    assert owner.page.get_by_role("tabpanel").count() == 4
    assert all(panel.is_visible() for panel in owner.page.get_by_role("tabpanel").all())
    assert owner.page.get_by_role("button", name="copy").count() == 0
    owner.click("Predict")
    assert '"version": "1.1.0"' in owner.page.locator("#answer").inner_text()
    owner.click("Log out")
    assert owner.page.url.endswith("/login")
