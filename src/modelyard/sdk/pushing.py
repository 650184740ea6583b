"""Push: blobs that the server lacks, four at a time, then a build."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from modelyard.contracts.canonical import digest_bytes
from modelyard.sdk.client import Client
from modelyard.sdk.folders import CHUNK_BYTES, Folder, LocalFile
from modelyard.sdk.git_state import GitState
from modelyard.sdk.results import Build

PARALLEL_UPLOADS = 4
UPLOAD_TIMEOUT_S = 600.0
MISSING_AT_ONCE = 500
AUTHOR_MODULES_MAX = 500

Progress = Callable[[int, int], None]
"""Called with bytes sent and bytes to send in all."""


def push_folder(
    client: Client,
    folder: Folder,
    git: GitState | None,
    *,
    project: str = "",
    on_progress: Progress | None = None,
    author_modules: list[str] | None = None,
) -> Build:
    """Uploads what is missing and starts a build of it. Returns at once; `client.builds.wait` follows it."""
    project = project or client.project
    upload(client, project, folder.files, on_progress=on_progress)
    source: dict[str, Any] = {
        "kind": "upload",
        "manifest": folder.manifest_text,
        "files": [file.to_json() for file in folder.files],
        "git": None,
        "client": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "data": folder.data,
            # So that the build can tell a module that was left out from a package that is missing.
            "author_modules": author_modules if author_modules is not None else modules_beside(folder.directory),
        },
    }
    if git is not None:
        source["git"] = {"commit": git.commit, "dirty": git.is_dirty, "diff_digest": "", "remote": git.remote}
        if git.diff:
            source["git"]["diff_digest"] = upload_bytes(client, project, git.diff)
    return client.builds.start(project, source)


def modules_beside(directory: Path) -> list[str]:
    """Names of the Python modules and packages in the folder and in the one above it: what may have been left out."""
    found: set[str] = set()
    for place in (directory.resolve(), directory.resolve().parent):
        found |= {path.stem for path in place.glob("*.py")}
        found |= {path.parent.name for path in place.glob("*/__init__.py")}
    return sorted(found)[:AUTHOR_MODULES_MAX]


def upload(
    client: Client, project: str, files: Sequence[LocalFile], *, on_progress: Progress | None = None
) -> list[LocalFile]:
    """Sends the files whose content the server lacks; returns those."""
    wanted = missing_digests(client, project, [file.digest for file in files])
    by_digest = {file.digest: file for file in files if file.digest in wanted}
    total = sum(file.size_bytes for file in by_digest.values())
    sent = [0]

    def report(size: int) -> None:
        sent[0] += size
        if on_progress is not None:
            on_progress(min(sent[0], total), total)

    if by_digest:
        with ThreadPoolExecutor(PARALLEL_UPLOADS) as pool:
            for done in [pool.submit(_send, client, project, file, report) for file in by_digest.values()]:
                done.result()
    return list(by_digest.values())


def upload_bytes(client: Client, project: str, content: bytes) -> str:
    """Sends the bytes unless the server has them; returns their digest."""
    digest = digest_bytes(content)
    if missing_digests(client, project, [digest]):
        client.transport.request("PUT", f"/api/v1/projects/{project}/blobs/{digest}", content=content)
    return digest


def missing_digests(client: Client, project: str, digests: Sequence[str]) -> set[str]:
    """Those of the digests whose content the project does not have yet."""
    unique = list(dict.fromkeys(digests))
    found: set[str] = set()
    for start in range(0, len(unique), MISSING_AT_ONCE):
        body = {"digests": unique[start : start + MISSING_AT_ONCE]}
        found.update(client.transport.json("POST", f"/api/v1/projects/{project}/blobs/missing", body=body)["missing"])
    return found


def _send(client: Client, project: str, file: LocalFile, report: Callable[[int], None]) -> None:
    def chunks() -> Iterator[bytes]:
        with file.source.open("rb") as source:
            while chunk := source.read(CHUNK_BYTES):
                yield chunk
                report(len(chunk))

    headers = {"content-type": "application/octet-stream", "content-length": str(file.size_bytes)}
    path = f"/api/v1/projects/{project}/blobs/{file.digest}"
    client.transport.request("PUT", path, content=chunks, headers=headers, timeout_s=UPLOAD_TIMEOUT_S)
