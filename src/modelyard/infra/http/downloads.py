"""Raw bytes as an answer that no browser interprets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from fastapi.responses import StreamingResponse


def download(digest: str, size_bytes: int, pieces: Iterator[bytes], filename: str = "") -> StreamingResponse:
    """Streams the pieces. The first one is taken before the answer begins, so that damage to it is told as an error;
    later damage ends the stream short of its content-length."""
    first = next(pieces, b"")
    headers = {
        "content-length": str(size_bytes),
        "etag": f'"{digest}"',
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
    }
    if filename:
        plain = "".join(char if char.isascii() and (char.isalnum() or char in "._- ") else "_" for char in filename)
        headers["content-disposition"] = f'attachment; filename="{plain}"'
    return StreamingResponse(chain((first,), pieces), media_type="application/octet-stream", headers=headers)
