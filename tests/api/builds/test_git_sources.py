"""A Git commit as the source of a build, with the real git."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.builds import FILES, MANIFEST, BuildsApplication

from modelyard.builds.sources.domain import GitSource
from modelyard.builds.sources.errors import GitMissing, GitUrlRefused
from modelyard.builds.sources.git import GitFetcher, GitSettings

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, files: dict[str, bytes]) -> str:
        for path, content in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")
        return self.git("rev-parse", "HEAD")

    @property
    def url(self) -> str:
        return f"file://{self.folder}"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def push(site: BuildsApplication, repository: Repository, commit: str, directory: str = "") -> dict[str, Any]:
    source = {"kind": "git", "url": repository.url, "commit": commit, "directory": directory}
    answer = site.author.post("/api/v1/projects/demo/builds", json={"source": source})
    assert answer.status_code == 202, answer.text
    return site.wait(answer.json()["number"])


def folder(prefix: str = "") -> dict[str, bytes]:
    return {f"{prefix}{path}": content for path, content in {**FILES, "modelyard.toml": MANIFEST.encode()}.items()}


def test_commit_gives_the_same_version_as_its_folder(site: BuildsApplication, repository: Repository) -> None:
    pushed = site.push()
    commit = repository.commit(folder("models/mine/") | {"other.txt": b"x"})
    build = push(site, repository, commit, "models/mine")
    assert (build["state"], build["model"]) == ("succeeded", "mine"), build
    assert build["digest"] == pushed["digest"]


def test_older_commit_is_found(site: BuildsApplication, repository: Repository) -> None:
    first = repository.commit(folder())
    repository.commit({"model.py": b"class Tumour:\n    new = True\n"})
    build = push(site, repository, first)
    assert build["state"] == "succeeded"
    assert build["git"]["commit"] == first


def test_hooks_filters_and_config_of_the_repository_run_nothing(
    site: BuildsApplication, repository: Repository, tmp_path: Path
) -> None:
    trap = tmp_path / "sprung"
    script = f"#!/bin/sh\ntouch {trap}\ncat\n"
    files = folder() | {".gitattributes": b"*.py filter=evil\n", ".lfsconfig": b"[lfs]\nurl=https://evil.example\n"}
    for hook in ("post-checkout", "post-merge", "pre-auto-gc", "reference-transaction"):
        target = repository.folder / ".git" / "hooks" / hook
        target.parent.mkdir(exist_ok=True)
        target.write_text(script)
        target.chmod(0o755)
    commit = repository.commit(files)
    trap.unlink(missing_ok=True)  # the author's own commit may spring it
    assert push(site, repository, commit)["state"] == "succeeded"
    assert not trap.exists()


def test_link_is_refused(site: BuildsApplication, repository: Repository) -> None:
    repository.commit(folder())
    (repository.folder / "leak").symlink_to("/etc/passwd")
    build = push(site, repository, repository.commit({}))
    assert (build["state"], build["error"]["code"]) == ("failed", "builds.path_refused")


@pytest.mark.parametrize(
    ("change", "code"),
    [({"modelyard.toml": None}, "builds.file_absent"), ({"modelyard.toml": b"[model\n"}, "manifest.invalid_toml")],
)
def test_folder_without_good_manifest_fails_the_build(
    site: BuildsApplication, repository: Repository, change: dict[str, bytes | None], code: str
) -> None:
    files = {path: content for path, content in (folder() | change).items() if content is not None}
    build = push(site, repository, repository.commit(files))
    assert (build["state"], build["error"]["code"]) == ("failed", code)


def test_unknown_commit_fails_the_build_and_says_so(site: BuildsApplication, repository: Repository) -> None:
    repository.commit(folder())
    build = push(site, repository, "0" * 39 + "1")
    assert (build["state"], build["error"]["code"]) == ("failed", "builds.git_fetch_failed")


def test_without_git_the_error_says_so() -> None:
    fetcher = GitFetcher(GitSettings(executable="no-such-git"))
    with pytest.raises(GitMissing), fetcher.fetched(GitSource("https://example.org/x.git", "a" * 40)):
        pass


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "169.254.169.254", "0.0.0.0"],
)
def test_address_of_this_machine_is_refused(host: str) -> None:
    fetcher = GitFetcher(GitSettings())
    with pytest.raises(GitUrlRefused), fetcher.fetched(GitSource(f"https://{host}/x.git", "a" * 40)):
        pass
