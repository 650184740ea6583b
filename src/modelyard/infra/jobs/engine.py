"""DBOS, and all that we say to it.

Imported by `Jobs` only when it launches: the import alone takes a third as long as the control plane's whole start.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID

# Pinned: DBOS only resumes workflows of its own version, and ours must outlive upgrades. A change to a handler's steps
# goes through `JobRun.patched`.
APPLICATION_VERSION = "1"
_ENDED = {
    "SUCCESS": "succeeded",
    "ERROR": "failed",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "failed",
    "CANCELLED": "cancelled",
}


class Engine:
    """One per process, because DBOS keeps its state in globals. `run(job_id, name, subject_id)` is every job's body."""

    def __init__(self, url: str, run: Callable[[str, str, str], None], *, listen_s: float) -> None:
        """Launches, and resumes what was cut off."""
        _prepare_file(url)
        logging.getLogger("dbos").setLevel(logging.WARNING)
        config: DBOSConfig = {
            "name": "modelyard",
            "system_database_url": url,
            "application_version": APPLICATION_VERSION,
            "executor_id": "local",
            "log_level": "WARNING",
            "enable_otlp": False,
            "serializer": _JsonSerializer(),
            "notification_listener_polling_interval_sec": listen_s,
        }
        try:
            DBOS(config=config)

            def run_job(job_id: str, name: str, subject_id: str) -> None:
                run(job_id, name, subject_id)

            self._workflow = DBOS.workflow(name="run_job", max_recovery_attempts=1000)(run_job)
            DBOS.launch()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        DBOS.destroy(destroy_registry=True)

    def begin(self, job_id: str, name: str, subject_id: str) -> None:
        """Idempotent: the workflow's id is the job's."""
        with SetWorkflowID(job_id):
            DBOS.start_workflow(self._workflow, job_id, name, subject_id)

    def is_known(self, job_id: str) -> bool:
        return DBOS.get_workflow_status(job_id) is not None

    def find_end(self, job_id: str) -> str | None:
        """The state of a job in which its workflow ended; None while it has not."""
        status = DBOS.get_workflow_status(job_id)
        return None if status is None else _ENDED.get(status.status)

    def run_step(
        self, name: str, action: Callable[[], Any], *, tries: int, pause_s: float,
        should_retry: Callable[[BaseException], bool],
    ) -> Any:  # fmt: skip
        """In a workflow: the action's answer, or the one that it gave before a crash."""
        options: Any = {
            "name": name,
            "retries_allowed": True,
            "max_attempts": tries,
            "interval_seconds": pause_s,
            "backoff_rate": 3.0,
            "should_retry": should_retry,
        }
        return DBOS.run_step(options, action)

    def patch(self, name: str) -> bool:
        return DBOS.patch(name)


class _JsonSerializer(Serializer):
    """Checkpoints as JSON: nothing is ever unpickled in the control plane, not even from our own file."""

    def serialize(self, data: Any) -> str:
        if isinstance(data, BaseException):
            return json.dumps({"$error": [type(data).__name__, str(data)[:4000]]})
        return json.dumps(data, allow_nan=False)

    def deserialize(self, serialized_data: str) -> Any:
        value = json.loads(serialized_data)
        if isinstance(value, dict) and "$error" in value:
            return RuntimeError(": ".join(value["$error"]))
        return value

    def name(self) -> str:
        return "modelyard_json"


def _prepare_file(url: str) -> None:
    """WAL, so that a checkpoint costs one write and readers never wait; the mode stays with the file."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
