"""Follows Envoy's access log into the store, in a thread of its own; rotates the file without losing a line.

Rotation: the full `access.log` gets a number and Envoy is asked to reopen. Envoy goes on writing to the renamed file
until it makes a new `access.log`; only then is the old one read to its end and removed. The files are read in order
of their numbers, `access.log` last, and the store keeps the inode and offset of the next byte to read.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from modelyard.kernel.clock import Clock, SystemClock, to_rfc3339
from modelyard.node.gateway.access_store import AccessRow, AccessStore, AccessWriter, Position

POLL_S = 0.1
READ_BYTES = 1024 * 1024
FORGET_EVERY_S = 60.0

log = logging.getLogger(__name__)


def rotated_files(path: Path) -> list[Path]:
    """The numbered predecessors of the log, oldest first."""
    found = [p for p in path.parent.glob(f"{path.name}.*") if p.suffix[1:].isdigit()]
    return sorted(found, key=lambda p: int(p.suffix[1:]))


def rotate(path: Path) -> bool:
    """Gives the log the next number. False when there is nothing to rotate."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    numbers = [int(p.suffix[1:]) for p in rotated_files(path)]
    path.rename(path.with_name(f"{path.name}.{max(numbers, default=0) + 1}"))
    return True


def parse_line(line: bytes) -> AccessRow | None:
    """The row of one line; None for one that a dying Envoy left broken, or that is no prediction's."""
    try:
        text = line.decode()
        record = json.loads(text)
        return AccessRow(record["prediction_id"], record["time"], record.get("endpoint"), text)
    except (ValueError, KeyError, TypeError):
        return None


class AccessLogFollower:
    """`ask_reopen` is called in the follower's thread and must not block; it asks Envoy to reopen its logs."""

    def __init__(
        self,
        path: Path,
        store: AccessStore,
        *,
        size_bytes_max: int,
        kept_days: int,
        ask_reopen: Callable[[], None],
        clock: Clock | None = None,
    ) -> None:
        self._path = path
        self._store = store
        self._size_bytes_max = size_bytes_max
        self._kept = timedelta(days=kept_days)
        self._ask_reopen = ask_reopen
        self._clock = clock or SystemClock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._forgotten_at: datetime | None = None
        self.broken_lines = 0
        self.problem = ""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stores what is in the files now, and ends the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        writer = self._store.open_writer()
        try:
            while not self._stopping.wait(POLL_S):
                self._step(writer)
            self._step(writer)
        finally:
            writer.close()

    def _step(self, writer: AccessWriter) -> None:
        try:
            self.follow(writer)
            self._forget(writer)
            self.problem = ""
        except Exception as cause:
            # A full disk must not end the following: the lines stay in the file, and are stored once there is room.
            if not self.problem:
                log.exception("access records can't be stored; the log keeps them")
            self.problem = repr(cause)

    def follow(self, writer: AccessWriter) -> None:
        """Stores every complete line that is there, removes files that are done, rotates a full one."""
        position = writer.read_position()
        files = [*rotated_files(self._path), self._path]
        inodes = {p: p.stat().st_ino for p in files if p.exists()}
        start = next((i for i, p in enumerate(files) if position and inodes.get(p) == position.inode), 0)
        for path in files[:start]:
            path.unlink(missing_ok=True)
        for path in files[start:]:
            if path not in inodes:
                continue
            offset = position.offset_bytes if position and position.inode == inodes[path] else 0
            # Whether Envoy has moved on must be known before reading to the end, not after.
            has_successor = path != self._path and self._path.exists()
            self._read(writer, path, inodes[path], offset)
            if has_successor:
                self._finish(writer, path, files)
        if self._path in inodes and self._path.stat().st_size > self._size_bytes_max and rotate(self._path):
            self._ask_reopen()

    def _finish(self, writer: AccessWriter, path: Path, files: list[Path]) -> None:
        """The position moves to the next file before this one goes: a new file could get the same inode."""
        successor = files[files.index(path) + 1]
        if successor.exists():
            writer.store([], Position(successor.stat().st_ino, 0))
            path.unlink(missing_ok=True)

    def _read(self, writer: AccessWriter, path: Path, inode: int, offset: int) -> None:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < offset:
                offset = 0
            file.seek(offset)
            rest = b""
            while chunk := file.read(READ_BYTES):
                lines, newline, rest = (rest + chunk).rpartition(b"\n")
                if not newline:
                    continue
                offset += len(lines) + 1
                writer.store(list(self._rows(lines)), Position(inode, offset))

    def _rows(self, lines: bytes) -> Iterator[AccessRow]:
        for line in lines.split(b"\n"):
            row = parse_line(line)
            if row is not None:
                yield row
            elif line:
                self.broken_lines += 1

    def _forget(self, writer: AccessWriter) -> None:
        now = self._clock.now()
        if self._forgotten_at is None or (now - self._forgotten_at).total_seconds() > FORGET_EVERY_S:
            self._forgotten_at = now
            while writer.forget_before(to_rfc3339(now - self._kept)) and not self._stopping.is_set():
                pass
