"""A process that runs one job of two steps, and is killed in the middle when asked: `job_process FOLDER [kill]`."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import modelyard.infra.jobs.tables  # noqa: F401  its table is made below
from modelyard.infra.db import Database, DatabaseSettings, metadata
from modelyard.infra.jobs import JobRun, Jobs, JobsSettings
from modelyard.infra.jobs.store import find_job, list_jobs_in
from modelyard.kernel.clock import SystemClock


def main() -> None:
    folder, dies = Path(sys.argv[1]), sys.argv[2:] == ["kill"]
    database = Database(DatabaseSettings(f"sqlite:///{folder / 'main.db'}"))
    metadata.create_all(database.engine, [metadata.tables["job_runs"]])
    jobs = Jobs(database, JobsSettings(f"sqlite:///{folder / 'jobs.db'}", listen_s=0.1), SystemClock())

    def note(word: str) -> str:
        with (folder / "steps").open("a") as file:
            file.write(word + "\n")
        return word

    def second() -> str:
        note("second")
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return "done"

    def handle(run: JobRun) -> None:
        first = run.step("first", lambda: note("first"))
        run.step("second", second)
        run.step("third", lambda: note(f"third after {first}"))

    jobs.register("test", handle)
    jobs.start()
    if dies:
        with database.transaction() as uow:
            (folder / "id").write_text(jobs.request(uow, "test", "bu_1"))
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with database.reading() as uow:
            job = find_job(uow, (folder / "id").read_text())
            open_jobs = list_jobs_in(uow, "started", ["test"], 10)
        if job is not None and job.state == "succeeded":
            print(job.state, len(open_jobs))
            break
        time.sleep(0.05)
    jobs.stop()


if __name__ == "__main__":
    main()
