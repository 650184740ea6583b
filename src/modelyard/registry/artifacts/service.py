"""Use cases of artifacts: take files in, give them out, know what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from modelyard.contracts.canonical import is_digest
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.blobs import BlobFolder, BlobWriter, ChunkKey, FinishedBlob
from modelyard.infra.crypto.sealing import new_key, unwrap_key, wrap_key
from modelyard.infra.db.database import Database, UnitOfWork
from modelyard.kernel.access import SYSTEM, Access, Principal
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Invalid
from modelyard.kernel.events import Event
from modelyard.registry.artifacts.domain import MISSING_DIGESTS_MAX, Artifact
from modelyard.registry.artifacts.errors import ArtifactNotFound, DigestMalformed
from modelyard.registry.artifacts.store import ArtifactStore, ChunkStore, WrappedKey

SWEEP_AFTER_S = 24 * 3600.0


class Upload:
    """One file on its way in. `finish` registers it in one transaction, or nothing is kept."""

    def __init__(self, writer: BlobWriter, register: Callable[[FinishedBlob], list[str]], folder: BlobFolder) -> None:
        self._writer = writer
        self._register = register
        self._folder = folder

    def write(self, piece: bytes) -> None:
        """Any size. Raises StorageFull or BlobTooLarge, after removing what was written."""
        self._writer.write(piece)

    def finish(self, expected_digest: str = "") -> Artifact:
        """Raises DigestMismatch or StorageFull."""
        finished = self._writer.finish(expected_digest)
        try:
            superfluous = self._register(finished)
        except BaseException:
            self._writer.abort()
            raise
        self._folder.remove(superfluous)
        return Artifact(finished.header.digest, finished.header.size_bytes)

    def abort(self) -> None:
        self._writer.abort()


class ArtifactService:
    """See the module. Methods with a `project_id` check nothing: their callers have opened the project."""

    def __init__(
        self,
        database: Database,
        folder: BlobFolder,
        kek: bytes,
        projects: ProjectService,
        clock: Clock,
        *,
        size_bytes_max: int,
    ) -> None:
        self._database = database
        self._folder = folder
        self._kek = kek
        self._projects = projects
        self._clock = clock
        self.size_bytes_max = size_bytes_max

    def missing(self, uow: UnitOfWork, access: Access, project: str, digests: Sequence[str]) -> list[str]:
        """Those the project does not hold, in order. What other projects hold is never told."""
        opened = self._projects.open(uow, access, project)
        if len(digests) > MISSING_DIGESTS_MAX:
            raise Invalid(field="digests", got=len(digests), expected=f"at most {MISSING_DIGESTS_MAX}")
        for digest in digests:
            check_digest(digest)
        return self.not_held(uow, opened.id, digests)

    def not_held(self, uow: UnitOfWork, project_id: str, digests: Sequence[str]) -> list[str]:
        held = ArtifactStore(uow, project_id).held(digests)
        return [digest for digest in dict.fromkeys(digests) if digest not in held]

    def start_upload(
        self,
        project_id: str,
        project: str,
        *,
        by: Principal = SYSTEM,
        request_id: str = "",
        source: str = "system",
        size_bytes_max: int | None = None,
    ) -> Upload:
        """Runs outside any transaction of the caller's: a stream may take minutes, the transaction at its end takes
        milliseconds. An upload by a person is recorded in the audit trail."""

        def register(finished: FinishedBlob) -> list[str]:
            with self._database.transaction(by, request_id=request_id, source=source) as uow:
                superfluous, is_new = self._register(uow, project_id, finished)
                if is_new and by is not SYSTEM:
                    header = finished.header
                    details = {"size_bytes": header.size_bytes}
                    target = f"blob:{header.digest}"
                    action = "registry.artifact.uploaded"
                    uow.record(Event(action, target, header.digest, project_id, project, details=details))
            return superfluous

        limit = self.size_bytes_max if size_bytes_max is None else size_bytes_max
        return Upload(self._folder.writer(self._find_key_anywhere, limit), register, self._folder)

    def put_bytes(self, project_id: str, project: str, content: bytes) -> Artifact:
        """For what we make ourselves, such as locks."""
        upload = self.start_upload(project_id, project)
        upload.write(content)
        return upload.finish()

    def find(self, uow: UnitOfWork, project_id: str, digest: str) -> Artifact | None:
        header = ArtifactStore(uow, project_id).find_header(digest)
        return Artifact(header.digest, header.size_bytes) if header else None

    def open(self, project_id: str, digest: str) -> tuple[Artifact, Iterator[bytes]]:
        """The file and its bytes, verified chunk by chunk. Raises ArtifactNotFound, and BlobCorrupt while reading."""
        with self._database.reading() as uow:
            store = ArtifactStore(uow, project_id)
            header = store.find_header(digest)
            if header is None:
                raise ArtifactNotFound(digest=digest)
            wrapped = store.wrapped_keys(chunk.id for chunk in header.chunks)
            project_key = self._project_key(uow, project_id)
        keys = {chunk_id: self._unwrap(project_key, one) for chunk_id, one in wrapped.items()}
        return Artifact(header.digest, header.size_bytes), self._folder.read(header, keys.get)

    def read_bytes(self, project_id: str, digest: str, size_bytes_max: int) -> bytes:
        """The whole file in memory. Raises Invalid for one above the limit."""
        artifact, pieces = self.open(project_id, digest)
        if artifact.size_bytes > size_bytes_max:
            expected = f"at most {size_bytes_max} bytes"
            raise Invalid(field="file", got=f"{artifact.size_bytes} bytes", expected=expected)
        return b"".join(pieces)

    def sweep(self) -> int:
        """Removes chunks that a crash left without a key; returns how many."""

        def known(names: list[str]) -> set[str]:
            with self._database.reading() as uow:
                return ChunkStore(uow).known_names(names)

        return self._folder.sweep(known, SWEEP_AFTER_S)

    def _register(self, uow: UnitOfWork, project_id: str, finished: FinishedBlob) -> tuple[list[str], bool]:
        """The sealed files that lost against another writer's, and whether the blob is new to the project."""
        store, shared = ArtifactStore(uow, project_id), ChunkStore(uow)
        project_key = self._project_key(uow, project_id, create=True)
        superfluous = []
        for chunk in finished.chunks:
            where, chunk_id = chunk.where, chunk.ref.id
            if chunk.is_new and not shared.add_chunk(chunk_id, where.sealed_name):
                theirs = shared.find_any_key(chunk_id)
                if theirs is None:
                    shared.move_chunk(chunk_id, where.sealed_name)
                else:
                    superfluous.append(where.sealed_name)
                    where = self._unwrap(self._project_key(uow, theirs.project_id), theirs)
            store.add_key(chunk_id, wrap_key(project_key, where.key, _chunk_context(chunk_id)))
        return superfluous, store.add_blob(finished.header, self._clock.now())

    def _find_key_anywhere(self, chunk_id: str) -> ChunkKey | None:
        with self._database.reading() as uow:
            wrapped = ChunkStore(uow).find_any_key(chunk_id)
            return self._unwrap(self._project_key(uow, wrapped.project_id), wrapped) if wrapped else None

    def _project_key(self, uow: UnitOfWork, project_id: str, *, create: bool = False) -> bytes:
        store, context = ArtifactStore(uow, project_id), f"project:{project_id}".encode()
        wrapped = store.find_project_key()
        if wrapped is None and create:
            store.add_project_key(wrap_key(self._kek, new_key(), context))
            wrapped = store.find_project_key()
        if wrapped is None:
            raise ArtifactNotFound(digest="(no key of the project)")
        return unwrap_key(self._kek, wrapped, context)

    def _unwrap(self, project_key: bytes, wrapped: WrappedKey) -> ChunkKey:
        return ChunkKey(wrapped.sealed_name, unwrap_key(project_key, wrapped.wrapped, _chunk_context(wrapped.chunk_id)))


def check_digest(digest: str) -> None:
    """Raises DigestMalformed."""
    if not is_digest(digest):
        raise DigestMalformed(digest=digest[:100])


def _chunk_context(chunk_id: str) -> bytes:
    return f"chunk:{chunk_id}".encode()
