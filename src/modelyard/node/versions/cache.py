"""Files of versions, fetched by digest, verified, laid out read-only: `cache/versions/<digest>/files`.

A blob lies once in `cache/blobs` and is linked into every version that has it. A folder under `versions` has its final
name only when it is complete, so presence is proof.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path, PurePosixPath
from typing import Protocol

from modelyard.contracts.canonical import DIGEST_PREFIX, is_digest
from modelyard.contracts.version_document import FileEntry, VersionDocument
from modelyard.kernel.errors import ErrorKind, PlatformError
from modelyard.node.durable_files import make_read_only, publish_folder, remove_folder, sync_folder

PATH_CHARS_MAX = 512
FETCHES_AT_ONCE = 4


class PathRefused(PlatformError):
    """A version may only name files below its own folder."""

    kind = ErrorKind.DENIED
    code = "node.path_refused"
    message = "The version names the file {path!r}: {reason}."
    hint = "Use relative paths with `/`, without `..`."


class BlobSource(Protocol):
    async def fetch_blob(self, digest: str, target: Path, size_bytes: int | None = None) -> None:
        """Writes verified bytes to the new file `target`, or raises."""
        ...


def check_paths(files: tuple[FileEntry, ...]) -> None:
    """Raises PathRefused for a path that is absolute, climbs, is not canonical, or is both file and folder."""
    folders: set[str] = set()
    names: set[str] = set()
    for entry in files:
        path = PurePosixPath(entry.path)
        if not entry.path or len(entry.path) > PATH_CHARS_MAX:
            raise PathRefused(path=entry.path[:100], reason=f"a path has 1 to {PATH_CHARS_MAX} characters")
        if path.is_absolute() or ".." in path.parts or str(path) != entry.path or entry.path == ".":
            raise PathRefused(path=entry.path, reason="expected a relative path in its plainest spelling")
        if any(ord(character) < 32 or character == "\\" for character in entry.path):
            raise PathRefused(path=entry.path, reason="control characters and backslashes are not allowed")
        if entry.path in names:
            raise PathRefused(path=entry.path, reason="it is named twice")
        names.add(entry.path)
        folders.update(str(parent) for parent in path.parents)
    for name in names & folders:
        raise PathRefused(path=name, reason="it is a file and a folder at once")


class VersionCache:
    def __init__(self, root: Path, source: BlobSource) -> None:
        self._versions = root / "versions"
        self._blobs = root / "blobs"
        self._source = source
        self._locks: dict[str, asyncio.Lock] = {}
        self._fetching = asyncio.Semaphore(FETCHES_AT_ONCE)
        for folder in (self._versions, self._blobs):
            folder.mkdir(parents=True, exist_ok=True)
        os.chmod(root, 0o711)
        # The blobs are linked into version folders; nobody needs to reach them by this path.
        os.chmod(self._blobs, 0o700)
        os.chmod(self._versions, 0o711)
        for leftover in (*self._versions.glob("*.partial-*"), *self._blobs.glob("*.partial-*")):
            remove_folder(leftover) if leftover.is_dir() else leftover.unlink()

    async def get_files(self, document: VersionDocument) -> Path:
        """The folder with all files of the version, fetched if needed. Raises PathRefused, BlobInvalid,
        ControlPlaneUnavailable. The document's digest must have been checked before."""
        digest = document.digest
        final = self._versions / digest.removeprefix(DIGEST_PREFIX)
        async with self._locks.setdefault(digest, asyncio.Lock()):
            if not final.is_dir():
                partial = final.with_name(f"{final.name}.partial-{secrets.token_hex(6)}")
                try:
                    await self.lay_out(document.files, partial / "files")
                    make_read_only(partial)
                    publish_folder(partial, final)
                except BaseException:
                    remove_folder(partial)
                    raise
        return final / "files"

    async def lay_out(self, files: tuple[FileEntry, ...], folder: Path) -> None:
        """Puts the files below the new folder, which becomes read-only."""
        check_paths(files)
        folder.mkdir(parents=True)
        # Not a TaskGroup: callers want the first problem itself, not a group of one.
        placing = [asyncio.create_task(self._place(entry, folder / entry.path)) for entry in files]
        try:
            await asyncio.gather(*placing)
        except BaseException:
            for task in placing:
                task.cancel()
            await asyncio.gather(*placing, return_exceptions=True)
            raise
        make_read_only(folder)

    async def get_blob(self, digest: str, size_bytes: int | None = None) -> Path:
        """Path of the verified blob; for the node's own reading."""
        if not is_digest(digest):
            raise PathRefused(path=digest[:100], reason="this is no digest")
        path = self._blobs / digest.removeprefix(DIGEST_PREFIX)
        async with self._locks.setdefault(digest, asyncio.Lock()), self._fetching:
            if not path.exists():
                partial = path.with_name(f"{path.name}.partial-{secrets.token_hex(6)}")
                await self._source.fetch_blob(digest, partial, size_bytes)
                partial.chmod(0o444)
                partial.rename(path)
                sync_folder(self._blobs)
        if size_bytes is not None and path.stat().st_size != size_bytes:
            raise PathRefused(path=digest, reason=f"it has {path.stat().st_size} bytes, the document says {size_bytes}")
        return path

    async def _place(self, entry: FileEntry, target: Path) -> None:
        blob = await self.get_blob(entry.digest, entry.size_bytes)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(blob, target)

    def prune(self, wanted: set[str], locks: set[str]) -> list[str]:
        """Removes versions whose digest is not in `wanted`, then blobs that no version links to, but for `locks`: an
        environment is found by its lock, also while the control plane is away. Only at start, when nothing runs."""
        removed = []
        for folder in self._versions.iterdir():
            if DIGEST_PREFIX + folder.name not in wanted:
                remove_folder(folder)
                removed.append(folder.name)
        for blob in self._blobs.iterdir():
            if blob.stat().st_nlink == 1 and DIGEST_PREFIX + blob.name not in locks:
                blob.unlink()
        return removed
