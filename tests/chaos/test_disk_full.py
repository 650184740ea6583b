"""The disk fills up in the middle of a push: the error says so, nothing is there by half, and once there is room the
same push succeeds."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from bench.installation import PROJECT
from tests.support.chaos import Site, make_folder, site, until

from modelyard.sdk.errors import ModelyardError, Unavailable

pytestmark = [pytest.mark.kill_matrix, pytest.mark.root, pytest.mark.timeout(600)]

MIB = 1 << 20
DISK_BYTES = 192 * MIB
FILE_BYTES = 20 * MIB
FULL_S = 8.0


@pytest.fixture(scope="module")
def small() -> Iterator[Site]:
    """An installation on a disk of its own."""
    folder = make_folder()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=711", "tmpfs", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        with site(folder) as made:
            yield made
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        with suppress(OSError):
            folder.rmdir()


class Ballast:
    """A file that leaves so much room, and goes away."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ballast"

    def leave(self, free_bytes: int) -> None:
        found = os.statvfs(self._path.parent)
        piece = wanted = max(0, found.f_bavail * found.f_frsize - free_bytes)
        with self._path.open("ab") as file:
            # All that is asked for or nothing: towards the end ever smaller pieces fit.
            while wanted > 0 and piece >= 512:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, min(piece, wanted))
                    wanted -= piece
                except OSError:
                    piece //= 2

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


@pytest.fixture
def ballast(small: Site) -> Iterator[Ballast]:
    made = Ballast(small.installation.folder)
    yield made
    made.remove()
    small.check_recovered()


def test_disk_full_during_an_upload_keeps_nothing_and_the_same_push_succeeds(small: Site, ballast: Ballast) -> None:
    folder = small.model("large", size=FILE_BYTES)
    blobs = small.home / "control" / "blobs"
    before = sorted(path.name for path in blobs.rglob("*") if path.is_file())
    builds = len(list(small.installation.client("author").builds.list_builds(PROJECT)))
    ballast.leave(FILE_BYTES // 2)
    with pytest.raises(Unavailable) as caught:
        small.push(folder)
    assert caught.value.code == "blobs.storage_full"
    assert "Free space" in (caught.value.hint or "")
    # Small files of the push may have arrived whole; of the large one nothing is left, not even a draft.
    after = sorted(path.name for path in blobs.rglob("*") if path.is_file())
    assert sum(path.stat().st_size for path in blobs.rglob("*") if path.is_file() and path.name not in before) < MIB
    assert not list((blobs / "drafts").iterdir())
    assert len(after) <= len(before) + 4
    assert len(list(small.installation.client("author").builds.list_builds(PROJECT))) == builds
    assert small.answers()
    small.check_consistent()
    ballast.remove()
    build = small.wait_build(small.push(folder).number)
    small.check_one_version("large", build)


def test_disk_full_to_the_last_byte_the_database_says_so_and_predictions_go_on(small: Site, ballast: Ballast) -> None:
    owner = small.installation.client("owner")
    with small.predictions("disk full to the last byte") as finish:
        ballast.leave(0)
        caught: ModelyardError | None = None
        made = []
        # What was allotted before still takes some writes.
        for number in range(2000):
            try:
                owner.transport.request(
                    "POST", f"/api/v1/projects/{PROJECT}/service-accounts",
                    body={"name": f"full-{number}", "description": "x" * 500},
                )  # fmt: skip
                made.append(f"full-{number}")
            except ModelyardError as error:
                caught = error
                break
        assert caught is not None, "two thousand writes found room"
        assert (type(caught), caught.code) == (Unavailable, "database.full")
        assert "Free space" in (caught.hint or "")
        ballast.remove()
        outcome, _ = finish()
    assert outcome.failed == 0, outcome.statuses
    until(small.is_ready, "ready again")
    owner.projects.add_service_account(PROJECT, "full-after")
    found = {account["name"] for account in owner.projects.list_service_accounts(PROJECT)}
    assert {*made, "full-after"} <= found


def test_disk_full_during_a_build_it_ends_and_a_retry_succeeds(small: Site, ballast: Ballast) -> None:
    number = small.push(small.model("unlucky", load_s=1.0, requirement="idna==3.10")).number
    small.wait_for_step(number, "lock")
    ballast.leave(0)
    time.sleep(FULL_S)
    ballast.remove()
    build = small.wait_build(number)
    if build["state"] != "succeeded":
        print(f"disk full during a build: {build['error']['code']}: {build['error']['detail']}")
        assert {"disk", "space"} & set(build["error"]["detail"].lower().replace(".", " ").split()), build["error"]
        small.installation.client("author").builds.retry(number)
        build = small.wait_build(number)
    assert build["state"] == "succeeded", build
