"""Files in and out: whole or not at all, verified, encrypted, and nobody else's."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.builds import BuildsApplication, digest

from modelyard.infra.blobs import CHUNK_BYTES

BASE = "/api/v1/projects/demo/blobs"


def chunk_files(folder: Path) -> list[Path]:
    return [path for path in (folder / "blobs" / "chunks").rglob("*") if path.is_file()]


def put(
    site: BuildsApplication, content: bytes, name: str = "author", base: str = BASE, said: bytes | None = None
) -> Any:
    return site.clients[name].put(f"{base}/{digest(said or content)}", content=content)


def test_file_of_several_chunks_comes_back_as_it_was(site_on_both: BuildsApplication) -> None:
    site = site_on_both
    content = os.urandom(2 * CHUNK_BYTES + 12345)
    answer = put(site, content)
    assert (answer.status_code, answer.json()) == (201, {"digest": digest(content), "size_bytes": len(content)})
    got = site.author.get(f"{BASE}/{digest(content)}")
    assert got.content == content
    assert got.headers["x-content-type-options"] == "nosniff"
    assert len(chunk_files(site.folder)) == 3


def test_file_at_rest_is_encrypted(site: BuildsApplication) -> None:
    content = b"very recognizable secret" * 100
    put(site, content)
    assert all(b"recognizable" not in path.read_bytes() for path in site.folder.rglob("*") if path.is_file())


def test_empty_file_is_a_file(site: BuildsApplication) -> None:
    assert put(site, b"").status_code == 201
    assert site.author.get(f"{BASE}/{digest(b'')}").content == b""


def test_other_bytes_than_announced_are_refused_and_nothing_is_kept(site: BuildsApplication) -> None:
    answer = put(site, b"x" * (CHUNK_BYTES + 5), said=b"announced")
    assert (answer.status_code, answer.json()["code"]) == (422, "blobs.digest_mismatch")
    assert chunk_files(site.folder) == []
    assert site.author.get(f"{BASE}/{digest(b'announced')}").status_code == 404


def test_same_file_twice_is_stored_once(site: BuildsApplication) -> None:
    for _ in range(2):
        assert put(site, b"same" * 1000).status_code == 201
    assert len(chunk_files(site.folder)) == 1


def test_file_shared_by_projects_is_stored_once_and_each_needs_to_have_sent_it(site: BuildsApplication) -> None:
    admin = site.administrator()
    site.make_project(admin, "other", developer="stranger")
    content, other = b"shared" * 1000, "/api/v1/projects/other/blobs"
    put(site, content)
    missing = site.clients["stranger"].post(f"{other}/missing", json={"digests": [digest(content)]})
    assert missing.json()["missing"] == [digest(content)]
    assert site.clients["stranger"].get(f"{other}/{digest(content)}").status_code == 404
    assert put(site, content, "stranger", other).status_code == 201
    assert site.clients["stranger"].get(f"{other}/{digest(content)}").content == content
    assert len(chunk_files(site.folder)) == 1


def test_stranger_sees_neither_file_nor_project(site: BuildsApplication) -> None:
    put(site, b"mine")
    assert site.clients["stranger"].get(f"{BASE}/{digest(b'mine')}").status_code == 404
    assert put(site, b"theirs", "stranger").status_code == 404


def test_malformed_digest_is_refused(site: BuildsApplication) -> None:
    answer = site.author.put(f"{BASE}/sha256:abc", content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (422, "artifacts.digest_malformed")


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _tamper(path: Path) -> None:
    box = bytearray(path.read_bytes())
    box[len(box) // 2] ^= 1
    path.write_bytes(bytes(box))


@pytest.mark.parametrize("damage", [_truncate, _tamper, Path.unlink])
def test_damage_is_told_and_a_new_push_repairs_it(site: BuildsApplication, damage: Any) -> None:
    content = b"precious" * 100
    put(site, content)
    damage(chunk_files(site.folder)[0])
    answer = site.author.get(f"{BASE}/{digest(content)}")
    assert (answer.status_code, answer.json()["code"]) == (500, "blobs.corrupt")
    assert put(site, content).status_code == 201
    assert site.author.get(f"{BASE}/{digest(content)}").content == content


@pytest.fixture
def full_disk(site: BuildsApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The second chunk meets a full disk, at the boundary to the operating system."""
    calls: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if "drafts" in os.readlink(f"/proc/self/fd/{descriptor}"):
            calls.append(descriptor)
            if len(calls) == 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr("os.fsync", fsync)
    return calls


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at descriptors through /proc")
def test_full_disk_in_the_middle_keeps_nothing_and_the_next_try_works(
    site: BuildsApplication, full_disk: list[int]
) -> None:
    content = os.urandom(CHUNK_BYTES * 2 + 1)
    answer = put(site, content)
    assert (answer.status_code, answer.json()["code"]) == (503, "blobs.storage_full")
    assert chunk_files(site.folder) == []
    assert list((site.folder / "blobs" / "drafts").iterdir()) == []
    missing = site.author.post(f"{BASE}/missing", json={"digests": [digest(content)]})
    assert missing.json()["missing"] == [digest(content)]
    assert put(site, content).status_code == 201


def test_sweep_removes_what_a_crash_left_and_nothing_else(site: BuildsApplication) -> None:
    put(site, b"kept")
    (kept,) = chunk_files(site.folder)
    orphan = kept.with_name("f" * 64 + "-00000000")
    orphan.write_bytes(b"orphan")
    os.utime(orphan, (0, 0))
    os.utime(kept, (0, 0))
    assert site.builds.artifacts.sweep() == 1
    assert chunk_files(site.folder) == [kept]
