"""Builds under several writers: numbers and events are counted without a gap or a double."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from modelyard.builds.builds.domain import Build, Source
from modelyard.builds.builds.store import BuildStore
from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.store import ProjectStore
from modelyard.infra.db import Database
from modelyard.kernel.ids import new_id

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PROJECT = "pj_one"


def new_build() -> Build:
    return Build(new_id("bu"), 0, PROJECT, "m", "queued", 1, Source("upload"), "jo_1", NOW, "ann", "us_1")


@pytest.fixture
def project(database: Database) -> Database:
    with database.transaction() as uow:
        ProjectStore(uow).add(Project(PROJECT, "one", "", NOW, "test"))
    return database


def at_once(work: list[threading.Thread]) -> None:
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(60)


class TestBuildStore:
    def test_numbers_of_builds_started_at_once_differ(self, project: Database) -> None:
        numbers: list[int] = []

        def add() -> None:
            for _ in range(5):
                with project.transaction() as uow:
                    numbers.append(BuildStore(uow, PROJECT).add(new_build()).number)

        at_once([threading.Thread(target=add) for _ in range(4)])
        assert sorted(numbers) == list(range(1, 21))

    def test_events_of_writers_at_once_are_numbered_without_gap(self, project: Database) -> None:
        with project.transaction() as uow:
            build = BuildStore(uow, PROJECT).add(new_build())

        def append() -> None:
            for _ in range(5):
                with project.transaction() as uow:
                    BuildStore(uow, PROJECT).append(build.id, "log", [{"line": "a"}, {"line": "b"}], NOW)

        at_once([threading.Thread(target=append) for _ in range(3)])
        with project.reading() as uow:
            events = BuildStore(uow, PROJECT).list_events(build.id, 0, 100)
        assert [event.seq for event in events] == list(range(1, 31))

    def test_of_two_who_end_a_build_one_does(self, project: Database) -> None:
        with project.transaction() as uow:
            store = BuildStore(uow, PROJECT)
            build = store.add(new_build())
            assert store.move(build, ("queued", "running"), state="cancelled", ended_at=NOW)
            assert not store.move(build, ("queued", "running"), state="failed", ended_at=NOW, error={"code": "x"})

    def test_other_project_sees_and_changes_nothing(self, project: Database) -> None:
        with project.transaction() as uow:
            build = BuildStore(uow, PROJECT).add(new_build())
            BuildStore(uow, PROJECT).append(build.id, "log", [{"line": "a"}], NOW)
            other = BuildStore(uow, "pj_two")
            assert other.list_steps(build.id) == ()
            assert other.list_events(build.id, 0, 10) == []
            assert not other.move(build, ("queued",), state="failed")
