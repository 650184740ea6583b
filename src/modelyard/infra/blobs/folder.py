"""The folder of sealed chunks: `chunks/<aa>/<chunk id>-<8 hex>`, each written whole or not at all.

The suffix keeps two writers of the same new chunk apart: each seals with a key of its own under a name of its own, and
the database decides whose counts. The associated data names the chunk, never a project, so that a project is given a
chunk by wrapping its key and nothing is encrypted twice.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from modelyard.infra.blobs.errors import BlobCorrupt, BlobTooLarge, DigestMismatch, StorageFull
from modelyard.infra.blobs.header import CHUNK_BYTES, BlobHeader, ChunkRef
from modelyard.infra.crypto.sealing import SealBroken, new_key, open_sealed, seal

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CONTEXT = b"modelyard-chunk/1:"


@dataclass(frozen=True, slots=True)
class ChunkKey:
    """Where a sealed chunk lies and what opens it."""

    sealed_name: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedChunk:
    """`is_new`: this writer wrote the file; its key is recorded nowhere yet."""

    ref: ChunkRef
    where: ChunkKey
    is_new: bool


@dataclass(frozen=True, slots=True)
class FinishedBlob:
    """`chunks` has each distinct chunk once."""

    header: BlobHeader
    chunks: tuple[SealedChunk, ...]


FindKey = Callable[[str], ChunkKey | None]


class BlobFolder:
    """All sealed chunks of an installation."""

    def __init__(self, root: Path) -> None:
        self._chunks = root / "chunks"
        self._drafts = root / "drafts"
        for folder in (root, self._chunks, self._drafts):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def writer(self, find_key: FindKey, size_bytes_max: int) -> BlobWriter:
        """`find_key` gives the key of a chunk that is already stored, by chunk id."""
        return BlobWriter(self, find_key, size_bytes_max)

    def read(self, header: BlobHeader, find_key: FindKey) -> Iterator[bytes]:
        """The plaintext, chunk by chunk, each verified before it is given out; the digest of the whole is verified
        before the last one is. Raises BlobCorrupt."""
        whole = hashlib.sha256()
        last = len(header.chunks) - 1
        for index, ref in enumerate(header.chunks):
            plaintext = self._open_chunk(header.digest, ref, find_key(ref.id))
            whole.update(plaintext)
            if index == last:
                self._check_whole(header, whole.hexdigest())
            yield plaintext
        if not header.chunks:
            self._check_whole(header, whole.hexdigest())

    def store_chunk(self, plaintext: bytes, find_key: FindKey) -> SealedChunk:
        """Seals and writes the chunk, unless it is there already. Raises StorageFull."""
        ref = ChunkRef(hashlib.sha256(plaintext).hexdigest(), len(plaintext))
        known = find_key(ref.id)
        if known is not None and self._is_intact(known, ref):
            return SealedChunk(ref, known, is_new=False)
        where = known or ChunkKey(f"{ref.id}-{secrets.token_hex(4)}", new_key())
        self._write(where.sealed_name, seal(where.key, plaintext, _CONTEXT + ref.id.encode()))
        return SealedChunk(ref, where, is_new=known is None)

    def remove(self, sealed_names: list[str]) -> None:
        """Deletes chunks that nobody holds a key for."""
        for name in sealed_names:
            self._path(name).unlink(missing_ok=True)

    def sweep(self, is_known: Callable[[list[str]], set[str]], older_than_s: float) -> int:
        """Removes what a crash left behind: drafts, and chunks whose key was never recorded. Returns how many."""
        limit, removed = time.time() - older_than_s, 0
        for draft in self._drafts.iterdir():
            removed += _remove_if_old(draft, limit)
        for folder in self._chunks.iterdir():
            names = [path.name for path in folder.iterdir()]
            known = is_known(names)
            removed += sum(_remove_if_old(folder / name, limit) for name in names if name not in known)
        return removed

    def _open_chunk(self, digest: str, ref: ChunkRef, where: ChunkKey | None) -> bytes:
        if where is None:
            raise BlobCorrupt(digest=digest, reason="a chunk's key is missing")
        try:
            box = self._path(where.sealed_name).read_bytes()
            plaintext = open_sealed(where.key, box, _CONTEXT + ref.id.encode())
        except FileNotFoundError as cause:
            raise BlobCorrupt(digest=digest, reason="a chunk's file is gone") from cause
        except SealBroken as cause:
            raise BlobCorrupt(digest=digest, reason="a chunk was truncated or changed") from cause
        if len(plaintext) != ref.size_bytes or hashlib.sha256(plaintext).hexdigest() != ref.id:
            raise BlobCorrupt(digest=digest, reason="a chunk holds other bytes than its name says")
        return plaintext

    def _check_whole(self, header: BlobHeader, got: str) -> None:
        if "sha256:" + got != header.digest:
            raise BlobCorrupt(digest=header.digest, reason="its chunks make up another file")

    def _is_intact(self, where: ChunkKey, ref: ChunkRef) -> bool:
        """Opened, not just looked at: a push of the same bytes must repair what is damaged."""
        try:
            self._open_chunk("", ref, where)
        except BlobCorrupt:
            return False
        return True

    def _write(self, name: str, box: bytes) -> None:
        path, draft = self._path(name), self._drafts / f"{name}.{secrets.token_hex(8)}"
        with _telling_when_full():
            try:
                path.parent.mkdir(mode=0o700, exist_ok=True)
                with open(draft, "xb") as file:
                    file.write(box)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(draft, path)
                _sync_folder(path.parent)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise

    def _path(self, name: str) -> Path:
        return self._chunks / name[:2] / name


class BlobWriter:
    """Takes one blob's bytes in pieces of any size, in bounded memory; `finish` or `abort` ends it."""

    def __init__(self, folder: BlobFolder, find_key: FindKey, size_bytes_max: int) -> None:
        self._folder = folder
        self._find_key = find_key
        self._size_bytes_max = size_bytes_max
        self._buffer = bytearray()
        self._whole = hashlib.sha256()
        self._refs: list[ChunkRef] = []
        self._sealed: dict[str, SealedChunk] = {}
        self.size_bytes = 0

    def write(self, piece: bytes) -> None:
        """Raises StorageFull or BlobTooLarge; what was written so far is then removed."""
        self.size_bytes += len(piece)
        try:
            if self.size_bytes > self._size_bytes_max:
                raise BlobTooLarge(size_bytes_max=self._size_bytes_max)
            self._whole.update(piece)
            self._buffer += piece
            while len(self._buffer) >= CHUNK_BYTES:
                self._store(bytes(self._buffer[:CHUNK_BYTES]))
                del self._buffer[:CHUNK_BYTES]
        except BaseException:
            self.abort()
            raise

    def finish(self, expected_digest: str = "") -> FinishedBlob:
        """The blob, once all chunks are on disk. Raises DigestMismatch, and keeps nothing, if it is not the one that
        was announced."""
        try:
            digest = "sha256:" + self._whole.hexdigest()
            if expected_digest and digest != expected_digest:
                raise DigestMismatch(size_bytes=self.size_bytes, got=digest, expected=expected_digest)
            if self._buffer:
                self._store(bytes(self._buffer))
                self._buffer.clear()
        except BaseException:
            self.abort()
            raise
        header = BlobHeader(digest, self.size_bytes, tuple(self._refs))
        return FinishedBlob(header, tuple(self._sealed.values()))

    def abort(self) -> None:
        """Removes what this writer wrote."""
        self._folder.remove([chunk.where.sealed_name for chunk in self._sealed.values() if chunk.is_new])
        self._sealed.clear()
        self._buffer.clear()

    def _store(self, plaintext: bytes) -> None:
        sealed = self._folder.store_chunk(plaintext, self._known)
        self._sealed.setdefault(sealed.ref.id, sealed)
        self._refs.append(sealed.ref)

    def _known(self, chunk_id: str) -> ChunkKey | None:
        mine = self._sealed.get(chunk_id)
        return mine.where if mine else self._find_key(chunk_id)


@contextmanager
def _telling_when_full() -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        if cause.errno in _FULL:
            raise StorageFull(reason=os.strerror(cause.errno or 0)) from cause
        raise


def _remove_if_old(path: Path, limit: float) -> bool:
    try:
        if path.stat().st_mtime >= limit:
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
