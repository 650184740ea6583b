"""The documentation says what the code says: links, settings, errors, permissions, routes, commands, folders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tools.docs import errors, pages, permissions, rooms, settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MARKDOWN = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\((?P<target>[^)\s]+)\)|!\[[^\]\n]*\]\((?P<image>[^)\s]+)\)")
ADR_LINES_MAX = 40


def anchors(text: str) -> set[str]:
    """As GitHub makes them from headings."""
    found = set()
    for heading in re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]+)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_page_links_resolve(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    text = re.sub(r"`[^`\n]+`", "code", text)
    broken = []
    for match in LINK.finditer(text):
        target = match["target"] or match["image"]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = page if not name else (page.parent / name).resolve()
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file.read_text())):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("name", pages.PAGES)
def test_generated_page_is_current(name):
    path = DOCS / name
    assert path.exists(), "run make docs"
    assert path.read_text() == pages.PAGES[name](), "run make docs"


def test_every_setting_has_its_sentence():
    assert [f"{s.section}.{s.name}" for s in settings.all_settings() if not s.help] == []


def test_every_error_code_says_something_and_is_not_a_retired_one():
    found = errors.platform_errors()
    assert [e.code for e in found if not (e.message or e.meaning)] == []
    assert {e.code for e in found} & set(errors.RETIRED) == set()


def test_every_permission_has_its_sentence():
    assert [p.value for p, sentence in permissions.sentences().items() if not sentence] == []


def test_every_package_says_what_it_holds():
    assert [name for name, sentence in rooms.packages().items() if not sentence] == []


def test_every_folder_has_its_line_in_contributing():
    text = (DOCS / "contributing" / "README.md").read_text()
    folders = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for parent in ("tests", "docs", "tools"):
        folders += [path for path in (ROOT / parent).iterdir() if path.is_dir()]
    kept = [path for path in folders if has_source(path)]
    assert [str(path.relative_to(ROOT)) for path in kept if f"`{path.relative_to(ROOT)}/`" not in text] == []


def has_source(folder: Path) -> bool:
    """Not a folder of caches or of something built."""
    ignored = {"__pycache__", "screenshots", "build", "dist"}
    return folder.name not in ignored and any(
        path.is_file() and "__pycache__" not in path.parts for path in folder.rglob("*")
    )


@pytest.mark.parametrize("decision", sorted((DOCS / "decisions").glob("[0-9]*.md")), ids=lambda path: path.name)
def test_decision_is_short_dated_and_listed(decision):
    text = decision.read_text()
    assert len(text.splitlines()) <= ADR_LINES_MAX
    assert re.search(r"^Status: (accepted|replaced by \[)", text, re.MULTILINE)
    assert f"({decision.name})" in (DOCS / "decisions" / "README.md").read_text()


def test_decisions_are_numbered_without_a_gap():
    numbers = sorted(int(path.name[:4]) for path in (DOCS / "decisions").glob("[0-9]*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
