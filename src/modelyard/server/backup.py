"""A backup of a running installation as one tar stream: database snapshot, blobs, keys, the node's identity.

Consistent under load by order: the database is copied first, by SQLite's online backup, as of one moment. Every blob
that it names was stored before the row that names it, and blobs never change; those that came later do no harm. The
last member, `manifest.json`, names every member with its digest, so a torn copy is known as such.

It holds the installation's keys: whoever has the file can act as the installation.
"""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from modelyard import __version__
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.http.call import Call, require
from modelyard.kernel.access import Permission
from modelyard.kernel.clock import to_rfc3339
from modelyard.kernel.errors import Denied
from modelyard.kernel.events import Event

FORMAT = "modelyard-backup/1"
CHUNK_BYTES = 1024 * 1024
MANIFEST = "manifest.json"
SQLITE_FILES = ("control/modelyard.db", "node/access.db")
# In this order: what is added while we read is read later, never missed earlier.
PLAIN_FILES = ("config.toml", "node/node.pem", "node/trust.json")
FOLDERS = ("control/keys", "control/blobs")


def router(home: Path, *, is_sqlite: bool) -> APIRouter:
    """`is_sqlite` false: the database is PostgreSQL, is backed up by its own tools, and the manifest says so."""
    routes = APIRouter(prefix="/api/v1", tags=["operations"])

    @routes.post(
        "/backup",
        summary="Everything in one tar stream; only on the machine itself",
        response_class=StreamingResponse,
        responses={200: {"content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}}}},
    )
    def make_backup(call: Annotated[Call, require(Permission.INSTALLATION_OPERATE)]) -> StreamingResponse:
        def record(uow: UnitOfWork) -> None:
            call.access.check_installation()
            if call.principal.kind != "host":
                raise Denied(principal=call.principal.label, permission="host", scope="this installation")
            uow.record(Event("operations.backup.made", "installation"))

        call.write(record, keyed=False)
        made_at = to_rfc3339(call.clock.now())
        return StreamingResponse(backup_stream(home, made_at, is_sqlite=is_sqlite), media_type="application/x-tar")

    return routes


def backup_stream(home: Path, made_at: str, *, is_sqlite: bool) -> Iterator[bytes]:
    """The tar's bytes, in pieces of at most a mebibyte and a header."""
    members: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="modelyard-backup-", dir=home / "control") as temporary:
        for name in SQLITE_FILES if is_sqlite else SQLITE_FILES[1:]:
            if (home / name).is_file():
                copy = Path(temporary) / Path(name).name
                copy_sqlite(home / name, copy)
                yield from _member(name, copy, members)
    for name in PLAIN_FILES:
        if (home / name).is_file():
            yield from _member(name, home / name, members)
    for folder in FOLDERS:
        for path in sorted((home / folder).rglob("*")):
            # Files that are still being written begin with a dot or are gone before we open them.
            if path.is_file() and not path.name.startswith(".") and ".partial" not in path.name:
                yield from _member(path.relative_to(home).as_posix(), path, members)
    manifest = {
        "format": FORMAT,
        "made_at": made_at,
        "modelyard": __version__,
        "database": "sqlite" if is_sqlite else "external",
        "members": members,
    }
    text = json.dumps(manifest, indent=1).encode()
    yield _header(MANIFEST, len(text))
    yield _padded(text)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


def copy_sqlite(source: Path, target: Path) -> None:
    """As of one moment, while others write."""
    reader = sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)
    writer = sqlite3.connect(target)
    try:
        reader.backup(writer)  # all pages in one step: a copy in several starts again at every write in between
    finally:
        writer.close()
        reader.close()


def _member(name: str, path: Path, members: dict[str, dict[str, Any]]) -> Iterator[bytes]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        digest = hashlib.sha256()
        yield _header(name, size)
        left = size
        while left:
            chunk = file.read(min(CHUNK_BYTES, left))
            if not chunk:
                raise OSError(f"{path} became shorter while it was read")
            digest.update(chunk)
            left -= len(chunk)
            yield chunk
        yield b"\0" * (-size % tarfile.BLOCKSIZE)
    members[name] = {"digest": f"sha256:{digest.hexdigest()}", "size_bytes": size}


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.PAX_FORMAT)


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % tarfile.BLOCKSIZE)
