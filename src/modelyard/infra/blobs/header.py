"""The header of a blob, format `modelyard-blob/1`.

    {"format": "modelyard-blob/1", "digest": "sha256:…", "size_bytes": 5000000, "chunking": "fixed",
     "chunk_bytes": 4194304, "chunks": [{"id": "<64 hex>", "size_bytes": 4194304}, {"id": …, "size_bytes": 805696}]}

`digest` is that of the plaintext, `id` the SHA-256 of a chunk's plaintext. A reader needs only `chunks`; `chunking`
says how they were cut, so that content-defined chunks can come later under the same format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

FORMAT = "modelyard-blob/1"
CHUNK_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChunkRef:
    id: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class BlobHeader:
    digest: str
    size_bytes: int
    chunks: tuple[ChunkRef, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "digest": self.digest,
            "size_bytes": self.size_bytes,
            "chunking": "fixed",
            "chunk_bytes": CHUNK_BYTES,
            "chunks": [{"id": chunk.id, "size_bytes": chunk.size_bytes} for chunk in self.chunks],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Raises ValueError for another format, a missing field, or sizes that do not add up."""
        if value.get("format") != FORMAT:
            raise ValueError(f"the header has format {value.get('format')!r}, expected {FORMAT!r}")
        try:
            chunks = tuple(ChunkRef(str(chunk["id"]), int(chunk["size_bytes"])) for chunk in value["chunks"])
            header = cls(str(value["digest"]), int(value["size_bytes"]), chunks)
        except (KeyError, TypeError, ValueError) as cause:
            raise ValueError(f"the header is incomplete: {cause!r}") from cause
        if sum(chunk.size_bytes for chunk in chunks) != header.size_bytes:
            raise ValueError("the header's chunks do not add up to its size")
        return header
