"""The only SQL of artifacts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from modelyard.infra.blobs import BlobHeader
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.db.inserting import insert_unless_taken
from modelyard.registry.artifacts.tables import blobs, chunk_keys, chunks, project_keys

_BATCH = 500  # bound parameters in one statement


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A chunk's key as wrapped for a project."""

    chunk_id: str
    project_id: str
    sealed_name: str
    wrapped: bytes


class ArtifactStore:
    """The blobs and keys of one project."""

    def __init__(self, uow: UnitOfWork, project_id: str) -> None:
        self._connection = uow.connection
        self._project_id = project_id

    def find_header(self, digest: str) -> BlobHeader | None:
        query = sa.select(blobs.c.header).where(blobs.c.project_id == self._project_id, blobs.c.digest == digest)
        header = self._connection.execute(query).scalar_one_or_none()
        return BlobHeader.from_json(header) if header is not None else None

    def held(self, digests: Sequence[str]) -> set[str]:
        """Those of the digests that the project holds."""
        found: set[str] = set()
        for part in _batches(digests):
            query = sa.select(blobs.c.digest).where(blobs.c.project_id == self._project_id, blobs.c.digest.in_(part))
            found.update(self._connection.execute(query).scalars())
        return found

    def add_blob(self, header: BlobHeader, now: datetime) -> bool:
        """False when the project holds it already."""
        row = {"digest": header.digest, "size_bytes": header.size_bytes, "header": header.to_json()}
        statement = blobs.insert().values(project_id=self._project_id, created_at=now, **row)
        return insert_unless_taken(self._connection, statement)

    def wrapped_keys(self, chunk_ids: Iterable[str]) -> dict[str, WrappedKey]:
        """By chunk id; a chunk that the project has no key for is absent."""
        found: dict[str, WrappedKey] = {}
        for part in _batches(list(dict.fromkeys(chunk_ids))):
            query = _wraps().where(chunk_keys.c.project_id == self._project_id, chunk_keys.c.chunk_id.in_(part))
            for row in self._connection.execute(query):
                found[row.chunk_id] = WrappedKey(row.chunk_id, row.project_id, row.sealed_name, row.wrapped)
        return found

    def add_key(self, chunk_id: str, wrapped: bytes) -> None:
        """Does nothing when the project has one."""
        values = {"chunk_id": chunk_id, "project_id": self._project_id, "wrapped": wrapped}
        insert_unless_taken(self._connection, chunk_keys.insert().values(**values))

    def find_project_key(self) -> bytes | None:
        query = sa.select(project_keys.c.wrapped).where(project_keys.c.project_id == self._project_id)
        return self._connection.execute(query).scalar_one_or_none()

    def add_project_key(self, wrapped: bytes) -> bool:
        statement = project_keys.insert().values(project_id=self._project_id, wrapped=wrapped)
        return insert_unless_taken(self._connection, statement)


class ChunkStore:  # lint-skip: project-scope sealed chunks are shared by all projects; only their keys are a project's
    """Sealed chunks of the installation."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection

    def find_sealed_name(self, chunk_id: str) -> str | None:
        query = sa.select(chunks.c.sealed_name).where(chunks.c.chunk_id == chunk_id)
        return self._connection.execute(query).scalar_one_or_none()

    def find_any_key(self, chunk_id: str) -> WrappedKey | None:
        """A key of any project that holds the chunk; None when none is left, and then nobody can open it."""
        query = _wraps().where(chunk_keys.c.chunk_id == chunk_id).limit(1)
        row = self._connection.execute(query).one_or_none()
        return WrappedKey(row.chunk_id, row.project_id, row.sealed_name, row.wrapped) if row else None

    def add_chunk(self, chunk_id: str, sealed_name: str) -> bool:
        """False when another writer was first."""
        values = {"chunk_id": chunk_id, "sealed_name": sealed_name}
        return insert_unless_taken(self._connection, chunks.insert().values(**values))

    def move_chunk(self, chunk_id: str, sealed_name: str) -> None:
        """Points to a new file; for a chunk whose last key was destroyed."""
        self._connection.execute(chunks.update().where(chunks.c.chunk_id == chunk_id).values(sealed_name=sealed_name))

    def known_names(self, sealed_names: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for part in _batches(sealed_names):
            query = sa.select(chunks.c.sealed_name).where(chunks.c.sealed_name.in_(part))
            found.update(self._connection.execute(query).scalars())
        return found


def _wraps() -> sa.Select[tuple[str, str, bytes, str]]:
    columns = (chunk_keys.c.chunk_id, chunk_keys.c.project_id, chunk_keys.c.wrapped, chunks.c.sealed_name)
    return sa.select(*columns).join(chunks, chunks.c.chunk_id == chunk_keys.c.chunk_id)


def _batches(values: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(values), _BATCH):
        yield values[start : start + _BATCH]
