"""Following the log: exactly once, whatever file the lines are in and whenever the process died."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modelyard.node.gateway.access_log import AccessLogFollower, parse_line, rotate, rotated_files
from modelyard.node.gateway.access_store import AccessStore, AccessWriter

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class FixedClock:
    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def line(number: int, at: str = "2026-11-23T11:00:00.000Z") -> str:
    return json.dumps({"prediction_id": f"pr_{number}", "time": at, "endpoint": "demo.mine"}) + "\n"


class Followed:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "access.log"
        self.store = AccessStore(folder / "access.db")
        self.reopened = 0
        self.follower = self.new_follower()

    def new_follower(self) -> AccessLogFollower:
        return AccessLogFollower(
            self.path,
            self.store,
            size_bytes_max=5000,
            kept_days=7,
            ask_reopen=self._reopen,
            clock=FixedClock(),
        )

    def _reopen(self) -> None:
        self.reopened += 1

    def write(self, text: str, path: Path | None = None) -> None:
        with (path or self.path).open("a") as file:
            file.write(text)

    def follow(self) -> int:
        """As a process that was just started would."""
        writer: AccessWriter = self.store.open_writer()
        try:
            self.follower.follow(writer)
        finally:
            writer.close()
        return self.store.count()


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    return Followed(tmp_path)


def test_lines_are_stored_once_however_often_the_log_is_followed(followed: Followed) -> None:
    assert followed.follow() == 0
    followed.write(line(1) + line(2))
    assert followed.follow() == 2
    assert followed.follow() == 2
    followed.write(line(3))
    assert followed.follow() == 3
    assert followed.store.find("pr_3") == json.loads(line(3))


def test_half_a_line_waits_for_its_other_half(followed: Followed) -> None:
    whole = line(1)
    followed.write(whole[:20])
    assert followed.follow() == 0
    followed.write(whole[20:])
    assert followed.follow() == 1


def test_rotated_file_is_read_until_envoy_has_moved_on(followed: Followed) -> None:
    followed.write(line(1))
    followed.follow()
    assert rotate(followed.path)
    (old,) = rotated_files(followed.path)
    followed.write(line(2), old)
    assert followed.follow() == 2
    assert old.exists()
    followed.write(line(3), old)
    followed.write(line(4))
    assert followed.follow() == 4
    assert not old.exists()


def test_full_log_is_rotated_and_envoy_asked_to_reopen(followed: Followed) -> None:
    followed.write("".join(line(number) for number in range(100)))
    assert followed.follow() == 100
    assert followed.reopened == 1
    assert not followed.path.exists()
    followed.follow()
    assert followed.reopened == 1


def test_several_rotated_files_are_read_oldest_first(followed: Followed) -> None:
    for number in range(12):
        followed.write(line(number))
        rotate(followed.path)
    followed.write(line(12))
    assert [p.name for p in rotated_files(followed.path)][-1] == "access.log.12"
    assert followed.follow() == 13
    assert rotated_files(followed.path) == []


def test_file_made_anew_under_the_same_inode_is_read_from_its_start(followed: Followed) -> None:
    followed.write(line(1) + line(2))
    followed.follow()
    with followed.path.open("r+") as file:
        file.truncate(0)
    followed.write(line(3))
    assert followed.follow() == 3


def test_broken_line_is_counted_and_the_rest_stored(followed: Followed) -> None:
    followed.write("not json\n" + line(1) + '{"time": "x"}\n' + "[]\n")
    assert followed.follow() == 1
    assert followed.follower.broken_lines == 3


def test_records_older_than_their_days_are_forgotten(followed: Followed) -> None:
    followed.write(line(1, "2026-11-15T11:00:00.000Z") + line(2, "2026-11-17T11:00:00.000Z"))
    followed.follow()
    writer = followed.store.open_writer()
    followed.follower._step(writer)
    writer.close()
    assert followed.store.find("pr_1") is None
    assert followed.store.find("pr_2") is not None


def test_line_of_bytes_that_are_no_text_is_no_row() -> None:
    assert parse_line(b"\xff\xfe") is None
