"""Blobs at rest: chunk lists under a versioned header, every chunk encrypted once with a key of its own.

No database in here: who holds which keys is the caller's business, passed in as functions.
"""

from modelyard.infra.blobs.errors import BlobCorrupt, DigestMismatch, StorageFull
from modelyard.infra.blobs.folder import BlobFolder, BlobWriter, ChunkKey, FinishedBlob, SealedChunk
from modelyard.infra.blobs.header import CHUNK_BYTES, BlobHeader, ChunkRef

__all__ = [
    "CHUNK_BYTES",
    "BlobCorrupt",
    "BlobFolder",
    "BlobHeader",
    "BlobWriter",
    "ChunkKey",
    "ChunkRef",
    "DigestMismatch",
    "FinishedBlob",
    "SealedChunk",
    "StorageFull",
]
