"""Laying out a version's files: verified, read-only, never outside its folder."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from modelyard.contracts.canonical import digest_bytes
from modelyard.contracts.version_document import Entry, EnvironmentRef, FileEntry, ModelSchema, VersionDocument
from modelyard.node.versions.cache import PathRefused, VersionCache, check_paths


class Blobs:
    """Gives what it was given, and counts."""

    def __init__(self, *contents: bytes) -> None:
        self.contents = {digest_bytes(content): content for content in contents}
        self.fetched = 0

    async def fetch_blob(self, digest: str, target: Path, size_bytes: int | None = None) -> None:
        self.fetched += 1
        await asyncio.sleep(0)
        target.write_bytes(self.contents[digest])


def entry(path: str, content: bytes = b"x") -> FileEntry:
    return FileEntry(path, digest_bytes(content), len(content))


def document(*files: FileEntry) -> VersionDocument:
    environment = EnvironmentRef("3.11", digest_bytes(b""))
    return VersionDocument(files, environment, Entry("python", "m:M"), ModelSchema((), ()))


@pytest.mark.parametrize(
    "path", ["", ".", "..", "/etc/passwd", "../up", "a/../b", "a//b", "./a", "a/", "a\\b", "a\nb", "a/..", "x" * 600]
)
def test_path_that_leaves_its_folder_or_is_not_plain_is_refused(path: str) -> None:
    with pytest.raises(PathRefused):
        check_paths((entry(path),))


def test_path_twice_or_file_and_folder_is_refused() -> None:
    with pytest.raises(PathRefused):
        check_paths((entry("a"), entry("a")))
    with pytest.raises(PathRefused):
        check_paths((entry("a"), entry("a/b")))


def test_files_are_fetched_once_and_read_only(tmp_path: Path) -> None:
    blobs = Blobs(b"one", b"two")
    cache = VersionCache(tmp_path, blobs)
    version = document(entry("model.py", b"one"), entry("data/two.bin", b"two"), entry("data/copy.bin", b"two"))

    async def get_twice() -> list[Path]:
        return await asyncio.gather(cache.get_files(version), cache.get_files(version))

    first, second = asyncio.run(get_twice())
    assert first == second
    assert blobs.fetched == 2
    assert (first / "data" / "copy.bin").read_bytes() == b"two"
    assert [path for path in first.rglob("*") if path.stat().st_mode & 0o222] == []


def test_fetch_that_fails_leaves_nothing(tmp_path: Path) -> None:
    cache = VersionCache(tmp_path, Blobs(b"one"))
    with pytest.raises(KeyError):
        asyncio.run(cache.get_files(document(entry("a", b"one"), entry("b", b"absent"))))
    assert list((tmp_path / "versions").iterdir()) == []


def test_prune_keeps_wanted_versions_and_locks(tmp_path: Path) -> None:
    cache = VersionCache(tmp_path, Blobs(b"one", b"two", b"lock"))
    kept, dropped = document(entry("a", b"one")), document(entry("a", b"two"))

    async def fetch() -> None:
        await cache.get_files(kept)
        await cache.get_files(dropped)
        await cache.get_blob(digest_bytes(b"lock"))

    asyncio.run(fetch())
    cache.prune({kept.digest}, {digest_bytes(b"lock")})

    def names(folder: str) -> list[str]:
        return sorted(path.name for path in (tmp_path / folder).iterdir())

    assert names("versions") == [kept.digest.removeprefix("sha256:")]
    assert names("blobs") == sorted(digest_bytes(content).removeprefix("sha256:") for content in (b"one", b"lock"))
    assert os.path.exists(tmp_path / "versions" / names("versions")[0] / "files" / "a")
