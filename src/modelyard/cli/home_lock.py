"""One `up` per home: a locked file that names its process. The lock ends with the process, however that ends."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE_NAME = "up.lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who runs the installation, and where it answers."""

    pid: int
    url: str
    started_at: str


class HomeTaken(Exception):
    """Another process runs this home."""

    def __init__(self, holder: Holder | None) -> None:
        self.holder = holder
        super().__init__(f"held by {holder}")


class HomeLock:
    """Held from `take` to `release` or the process's end."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE_NAME
        self._handle = -1

    def take(self, holder: Holder) -> None:
        """Raises HomeTaken."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise HomeTaken(read_holder(self.path)) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)
        self._handle = handle

    def release(self) -> None:
        """Empties the file, so that nobody takes the pid in it for a live one, and lets go."""
        if self._handle >= 0:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = -1


def is_held(home: Path) -> bool:
    """Whether some process runs this home."""
    try:
        handle = os.open(home / FILE_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def find_holder(home: Path) -> Holder | None:
    """Who runs this home; None when nobody does."""
    return read_holder(home / FILE_NAME) if is_held(home) else None


def read_holder(path: Path) -> Holder | None:
    """What the file says, whether or not it is still true; None when it says nothing."""
    try:
        return Holder(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
