"""Durable jobs across kill -9, restarts, retries and cancellation, with the real DBOS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.databases import database_url, open_database, postgresql

from modelyard.infra.db import Database
from modelyard.infra.jobs import JobRun, Jobs, JobsSettings
from modelyard.infra.jobs.store import find_job
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import ErrorKind, NotFound, PlatformError

__all__ = ["database_url", "postgresql"]
PROCESS = Path(__file__).with_name("job_process.py")


class Busy(PlatformError):
    kind = ErrorKind.UNAVAILABLE
    code = "test.busy"
    message = "Busy."


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'main.db'}")
    yield opened
    opened.close()


@contextmanager
def running(database: Database, folder: Path, handler: Callable[[JobRun, Jobs], None]) -> Iterator[Jobs]:
    settings = JobsSettings(f"sqlite:///{folder / 'jobs.db'}", scan_s=0.1, first_pause_s=0.01, listen_s=0.1)
    jobs = Jobs(database, settings, SystemClock())
    jobs.register("test", lambda run: handler(run, jobs))
    jobs.start()
    try:
        yield jobs
    finally:
        jobs.stop()


def request(database: Database, jobs: Jobs) -> str:
    with database.transaction() as uow:
        return jobs.request(uow, "test", "bu_1")


def request_and_fail(database: Database, jobs: Jobs) -> None:
    with database.transaction() as uow:
        jobs.request(uow, "test", "bu_1")
        raise RuntimeError("changed my mind")


def wait(database: Database, job_id: str, states: tuple[str, ...] = ("succeeded", "failed", "cancelled")) -> str:
    until = time.monotonic() + 20
    while True:
        with database.reading() as uow:
            job = find_job(uow, job_id)
        assert job is not None
        if job.state in states:
            return job.state
        assert time.monotonic() < until, job
        time.sleep(0.02)


def test_killed_job_goes_on_at_its_step(tmp_path: Path) -> None:
    command = [sys.executable, str(PROCESS), str(tmp_path)]
    killed = subprocess.run([*command, "kill"], timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    resumed = subprocess.run(command, timeout=60, check=True, capture_output=True, text=True)
    assert resumed.stdout.split() == ["succeeded", "0"]
    assert (tmp_path / "steps").read_text().splitlines() == ["first", "second", "second", "third after first"]


def test_stopped_job_goes_on_after_the_next_start(database: Database, tmp_path: Path) -> None:
    steps: list[str] = []

    def handle(run: JobRun, jobs: Jobs) -> None:
        run.step("first", lambda: steps.append("first"))

        def wait_for_ever() -> None:
            steps.append("second")
            while len(steps) < 3:
                jobs.check_running()
                time.sleep(0.01)

        run.step("second", wait_for_ever)

    with running(database, tmp_path, handle) as jobs:
        job_id = request(database, jobs)
        while len(steps) < 2:
            time.sleep(0.01)
    assert wait(database, job_id, ("started",)) == "started"
    with running(database, tmp_path, handle):
        assert wait(database, job_id) == "succeeded"
    assert steps == ["first", "second", "second"]


def test_job_requested_before_a_later_start_runs_without_waiting_for_it(database: Database, tmp_path: Path) -> None:
    steps: list[str] = []
    settings = JobsSettings(f"sqlite:///{tmp_path / 'jobs.db'}", scan_s=0.1, listen_s=0.1)
    jobs = Jobs(database, settings, SystemClock())
    jobs.register("test", lambda run: run.step("one", lambda: steps.append("one")))
    jobs.start_later(3600.0)
    try:
        assert wait(database, request(database, jobs)) == "succeeded"
    finally:
        jobs.stop()
    assert steps == ["one"]


def test_later_start_that_is_stopped_first_never_launches(database: Database, tmp_path: Path) -> None:
    settings = JobsSettings(f"sqlite:///{tmp_path / 'jobs.db'}")
    jobs = Jobs(database, settings, SystemClock())
    jobs.start_later(3600.0)
    jobs.stop()
    assert not (tmp_path / "jobs.db").exists()
    jobs.start()  # the process is free for the next runner
    jobs.stop()


def test_job_runs_with_its_state_in_a_database_of_its_own_server(
    database: Database, tmp_path: Path, database_url: str
) -> None:
    """DBOS keeps its rows beside ours on PostgreSQL, in a schema of its own."""
    steps: list[str] = []
    own = database_url if database_url.startswith("postgresql") else f"sqlite:///{tmp_path / 'own.db'}"
    jobs = Jobs(database, JobsSettings(own, scan_s=0.1, listen_s=0.1), SystemClock())
    jobs.register("test", lambda run: run.step("one", lambda: steps.append("one")))
    jobs.start()
    try:
        assert wait(database, request(database, jobs)) == "succeeded"
    finally:
        jobs.stop()
    assert steps == ["one"]


def test_request_that_is_rolled_back_starts_nothing(database: Database, tmp_path: Path) -> None:
    ran: list[str] = []
    with running(database, tmp_path, lambda run, _: ran.append(run.job_id)) as jobs:
        with pytest.raises(RuntimeError, match="changed my mind"):
            request_and_fail(database, jobs)
        time.sleep(0.4)
    assert ran == []


def test_transient_error_is_tried_again_and_others_are_not(database: Database, tmp_path: Path) -> None:
    tries: dict[str, int] = {"busy": 0, "never": 0}

    def handle(run: JobRun, _: Jobs) -> None:
        def busy() -> None:
            tries["busy"] += 1
            if tries["busy"] < 3:
                raise Busy

        def never() -> None:
            tries["never"] += 1
            raise NotFound(what="thing", name="x")

        run.step("busy", busy)
        run.step("never", never)

    with running(database, tmp_path, handle) as jobs:
        job_id = request(database, jobs)
        assert wait(database, job_id) == "failed"
    assert tries == {"busy": 3, "never": 1}
    with database.reading() as uow:
        error = uow.connection.exec_driver_sql("SELECT error FROM job_runs").scalar()
    assert '"code": "not_found"' in str(error)


def test_cancelled_job_begins_no_further_step(database: Database, tmp_path: Path) -> None:
    steps: list[str] = []

    def handle(run: JobRun, _: Jobs) -> None:
        def first() -> None:
            steps.append("first")
            while not jobs.is_cancelled(run.job_id):
                time.sleep(0.01)

        run.step("first", first)
        run.step("second", lambda: steps.append("second"))

    with running(database, tmp_path, handle) as jobs:
        job_id = request(database, jobs)
        while not steps:
            time.sleep(0.01)
        with database.transaction() as uow:
            jobs.cancel(uow, job_id)
        time.sleep(0.5)
    assert steps == ["first"]
    assert wait(database, job_id) == "cancelled"


def test_start_opens_no_port(database: Database, tmp_path: Path) -> None:
    def sockets() -> set[str]:
        found = (os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _exists(fd))
        return {link for link in found if link.startswith("socket:")}

    before = sockets()
    with running(database, tmp_path, lambda run, _: None):
        tcp = "".join(Path(f"/proc/self/net/{name}").read_text() for name in ("tcp", "tcp6"))
        inodes = {link[8:-1] for link in sockets() - before}
        assert not any(inode in tcp.split() for inode in inodes)


def _exists(descriptor: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{descriptor}")
