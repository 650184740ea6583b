from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from modelyard.sdk.git_state import find_git_state, without_credentials


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_find_git_state_outside_a_repository_is_none(tmp_path: Path) -> None:
    assert find_git_state(tmp_path) is None


def test_find_git_state_clean_then_changed(tmp_path: Path) -> None:
    git(tmp_path, "init")
    assert find_git_state(tmp_path) is None  # nothing committed yet
    (tmp_path / "a.py").write_text("x = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "First")
    clean = find_git_state(tmp_path)
    assert clean is not None
    assert (clean.is_dirty, clean.diff, clean.label) == (False, b"", clean.commit[:4])
    (tmp_path / "a.py").write_text("x = 2\n")
    changed = find_git_state(tmp_path)
    assert changed is not None
    assert changed.is_dirty
    assert b"+x = 2" in changed.diff
    assert changed.label.endswith("+diff")


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://me:token@host/r.git", "https://host/r.git"),
        ("https://host/r.git", "https://host/r.git"),
        ("git@host:team/r.git", "git@host:team/r.git"),
        ("", ""),
    ],
)
def test_without_credentials_drops_user_and_password(remote: str, shown: str) -> None:
    assert without_credentials(remote) == shown
