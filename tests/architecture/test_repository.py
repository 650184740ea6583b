"""What a clone needs: locks with hashes and without an index, verbs, licence, the command of continuous integration."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def entries(lock: Path) -> dict[str, str]:
    """`name==version` (with its marker) -> everything up to the next entry."""
    found = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.MULTILINE)
    return {text.split(" ", 1)[0].strip(): text for text in found if text.strip()}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_pins_every_package_by_hash_and_names_no_index(lock):
    assert "://" not in lock.read_text()
    assert "--index" not in lock.read_text()
    unsafe = [name for name, text in entries(lock).items() if "==" not in name or "--hash=sha256:" not in text]
    assert unsafe == []


def test_test_lock_holds_the_versions_of_the_run_lock():
    run, test = (set(entries(ROOT / "requirements" / name)) for name in ("run.txt", "test.txt"))
    assert run - test == set()


def test_boot_lock_holds_the_same_uv():
    pins = {next(name for name in entries(lock) if name.startswith("uv==")) for lock in LOCKS}
    assert len(pins) == 1


@pytest.mark.parametrize("verb", ["run", "test", "test-all", "check", "bench", "docs", "format", "lock"])
def test_makefile_has_the_verb(verb):
    assert re.search(rf"^{verb}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_continuous_integration_runs_make_test():
    script = ROOT / ".ci" / "run"
    assert "exec make test" in script.read_text()
    assert script.stat().st_mode & 0o100


def test_licence_and_changelog_are_there():
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
