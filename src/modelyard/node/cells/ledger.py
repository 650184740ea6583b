"""Which cell jobs were taken: each runs once, also across crashes and restarts."""

from __future__ import annotations

import errno
import json
import os
from datetime import datetime, timedelta
from pathlib import Path

from modelyard.kernel.clock import from_rfc3339
from modelyard.node.durable_files import sync_folder, write_durably

# A job is refused for being expired long before its line may go.
KEPT = timedelta(days=2)


class JobLedger:
    """One line per job, synced before the job starts: a replay is refused even after kill -9."""

    def __init__(self, path: Path, now: datetime) -> None:
        self._path = path
        self._taken: dict[str, str] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                try:
                    job_id, expires_at = json.loads(line)
                except ValueError:
                    continue  # the half line of a crash: its job never started
                if from_rfc3339(expires_at) + KEPT > now:
                    self._taken[job_id] = expires_at
        lines = "".join(json.dumps(item) + "\n" for item in self._taken.items())
        write_durably(path, lines.encode())
        sync_folder(path.parent)

    def take(self, job_id: str, expires_at: str) -> bool:
        """True exactly once for each id. Raises OSError when the disk is full; the job was not taken then."""
        if job_id in self._taken:
            return False
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        line, before = (json.dumps([job_id, expires_at]) + "\n").encode(), os.fstat(descriptor).st_size
        try:
            if os.write(descriptor, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            os.fsync(descriptor)
        except OSError:
            # Half a line would swallow the next one.
            os.ftruncate(descriptor, before)
            raise
        finally:
            os.close(descriptor)
        self._taken[job_id] = expires_at
        return True
