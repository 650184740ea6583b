"""Keys of chunks: shared by projects, each with a wrap of its own, and two writers at once lose nothing."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.service import ProjectService
from modelyard.identity.projects.store import ProjectStore
from modelyard.infra.blobs import BlobFolder
from modelyard.infra.crypto.sealing import new_key
from modelyard.infra.db import Database
from modelyard.kernel.clock import SystemClock
from modelyard.registry.artifacts.errors import ArtifactNotFound
from modelyard.registry.artifacts.service import ArtifactService, Upload


@pytest.fixture
def artifacts(database: Database, tmp_path: Path) -> ArtifactService:
    clock = SystemClock()
    with database.transaction() as uow:
        for name in ("one", "two"):
            ProjectStore(uow).add(Project(f"pj_{name}", name, "", clock.now(), "test"))
    folder = BlobFolder(tmp_path / "blobs")
    return ArtifactService(database, folder, new_key(), ProjectService(clock), clock, size_bytes_max=1 << 30)


def begin(artifacts: ArtifactService, project: str, content: bytes) -> Upload:
    upload = artifacts.start_upload(f"pj_{project}", project)
    upload.write(content)
    return upload


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "blobs" / "chunks").rglob("*") if path.is_file()]


class TestArtifactKeys:
    def test_writers_of_the_same_new_chunk_at_once_both_read_it(
        self, artifacts: ArtifactService, tmp_path: Path
    ) -> None:
        content = b"raced" * 1000
        uploads = [begin(artifacts, project, content) for project in ("one", "two", "one")]
        # All have sealed their own chunk before any is registered.
        barrier, digests, failures = threading.Barrier(3), [], []

        def finish(upload: Upload) -> None:
            try:
                barrier.wait(10)
                digests.append(upload.finish().digest)
            except Exception as cause:  # noqa: BLE001 told to the test's own thread
                failures.append(cause)

        threads = [threading.Thread(target=finish, args=(upload,)) for upload in uploads]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert failures == []
        for project in ("pj_one", "pj_two"):
            assert artifacts.read_bytes(project, digests[0], 1 << 20) == content
        assert len(files(tmp_path)) == 1

    def test_chunk_whose_last_key_was_destroyed_is_sealed_anew(
        self, artifacts: ArtifactService, database: Database
    ) -> None:
        digest = begin(artifacts, "one", b"erased").finish().digest
        with database.transaction() as uow:
            uow.connection.execute(sa.text("DELETE FROM chunk_keys"))
            uow.connection.execute(sa.text("DELETE FROM blobs"))
        with pytest.raises(ArtifactNotFound):
            artifacts.read_bytes("pj_one", digest, 100)
        begin(artifacts, "two", b"erased").finish()
        assert artifacts.read_bytes("pj_two", digest, 100) == b"erased"

    def test_other_key_encryption_key_opens_nothing(
        self, artifacts: ArtifactService, database: Database, tmp_path: Path
    ) -> None:
        digest = begin(artifacts, "one", b"sealed").finish().digest
        clock = SystemClock()
        thief = ArtifactService(
            database, BlobFolder(tmp_path / "blobs"), new_key(), ProjectService(clock), clock, size_bytes_max=1
        )
        with pytest.raises(ValueError, match="does not open"):
            thief.read_bytes("pj_one", digest, 100)

    def test_wrap_moved_to_another_chunk_opens_nothing(self, artifacts: ArtifactService, database: Database) -> None:
        first, second = (begin(artifacts, "one", content).finish().digest for content in (b"first", b"second"))
        with database.transaction() as uow:
            wraps = uow.connection.execute(sa.text("SELECT chunk_id, wrapped FROM chunk_keys")).all()
            swap = sa.text("UPDATE chunk_keys SET wrapped = :wrapped WHERE chunk_id = :chunk_id")
            for row, other in ((wraps[0], wraps[1]), (wraps[1], wraps[0])):
                uow.connection.execute(swap, {"chunk_id": row.chunk_id, "wrapped": other.wrapped})
        for digest in (first, second):
            with pytest.raises(ValueError, match="does not open"):
                artifacts.read_bytes("pj_one", digest, 100)
