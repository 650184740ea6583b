"""Where the code came from: commit, uncommitted changes and remote of the folder that is pushed."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

GIT_TIMEOUT_S = 10
DIFF_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class GitState:
    """`diff` is what `git diff HEAD` says of the folder, empty when it is clean or larger than 4 MiB."""

    commit: str
    is_dirty: bool
    diff: bytes
    remote: str

    @property
    def label(self) -> str:
        """`3f1c`, or `3f1c+diff` with uncommitted changes."""
        return self.commit[:4] + ("+diff" if self.is_dirty else "")


def find_git_state(directory: Path) -> GitState | None:
    """None outside a work tree, without git, or before the first commit."""
    commit = _git(directory, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(directory, "status", "--porcelain", "--", ".") or b""
    diff = (
        (_git(directory, "diff", "--no-ext-diff", "--no-textconv", "HEAD", "--", ".") or b"")
        if changed.strip()
        else b""
    )
    remote = (_git(directory, "remote", "get-url", "origin") or b"").decode(errors="replace").strip()
    return GitState(
        commit=commit.decode().strip(),
        is_dirty=bool(changed.strip()),
        diff=diff if len(diff) <= DIFF_BYTES_MAX else b"",
        remote=without_credentials(remote),
    )


def without_credentials(remote: str) -> str:
    """The address without the user and password that some people keep in it."""
    parts = urlsplit(remote)
    if not parts.scheme or "@" not in parts.netloc:
        return remote
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def find_author(directory: Path) -> str:
    """`Name <mail>` as Git knows the person; empty when it does not."""
    name, mail = (_git(directory, "config", f"user.{key}") or b"" for key in ("name", "email"))
    found = name.decode(errors="replace").strip()
    return f"{found} <{mail.decode(errors='replace').strip()}>" if found else ""


def _git(directory: Path, *arguments: str) -> bytes | None:
    # A repository's own configuration may name programs to run; none of them is needed for reading.
    command = ["git", "-c", "core.fsmonitor=false", "--no-optional-locks", *arguments]
    try:
        answer = subprocess.run(command, cwd=directory, capture_output=True, timeout=GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None
