"""A set of files to build from, and which of them the version consists of. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.builds.sources.errors import FileAbsent, SourcePathRefused, SourceTooLarge
from modelyard.contracts.canonical import is_digest
from modelyard.contracts.manifest import FILENAME, Manifest
from modelyard.contracts.manifest.kinds import is_relative_path

FILES_MAX = 5000
PATH_CHARS_MAX = 500


@dataclass(frozen=True, slots=True)
class SourceFile:
    path: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class GitSource:
    """`directory` is the folder with the manifest, empty for the root."""

    url: str
    commit: str
    directory: str = ""


def check_files(files: Sequence[SourceFile]) -> None:
    """Raises SourceTooLarge or SourcePathRefused."""
    if len(files) > FILES_MAX:
        raise SourceTooLarge(got=f"{len(files)} files", limit=FILES_MAX)
    seen: set[str] = set()
    for file in files:
        folded = file.path.casefold()
        if not is_relative_path(file.path) or len(file.path) > PATH_CHARS_MAX or not file.path.isprintable():
            raise SourcePathRefused(path=file.path[:200], reason="it leaves its folder or is malformed")
        if folded in seen:
            raise SourcePathRefused(path=file.path[:200], reason="it is named twice")
        if not is_digest(file.digest) or file.size_bytes < 0:
            raise SourcePathRefused(path=file.path[:200], reason="its digest or size is malformed")
        seen.add(folded)


def check_named(manifest: Manifest, files: Sequence[SourceFile]) -> None:
    """Every path that the manifest names is a file or a folder with files; data may have stayed at home. Raises
    FileAbsent."""
    paths = [file.path for file in files]
    for path in manifest.referenced_paths():
        if not any(_is_at(one, path) for one in paths):
            raise FileAbsent(path=path)
    module = manifest.model.entry_point.partition(":")[0].replace(".", "/")
    if module and not any(path in (f"{module}.py", f"{module}/__init__.py") for path in paths):
        raise FileAbsent(path=f"{module}.py")


def version_files(manifest: Manifest, files: Sequence[SourceFile]) -> tuple[SourceFile, ...]:
    """What the version consists of: its artifact, its `files`, and all Python files but tests. By path."""
    wanted = (*manifest.model.files, *((manifest.model.artifact,) if manifest.model.artifact else ()))
    chosen = [
        file
        for file in files
        if any(_is_at(file.path, path) for path in wanted)
        or (file.path.endswith(".py") and not is_test(manifest, file.path))
    ]
    return tuple(sorted(chosen, key=lambda file: file.path))


def test_files(manifest: Manifest, files: Sequence[SourceFile]) -> tuple[SourceFile, ...]:
    """What the check needs beside the version."""
    return tuple(sorted((file for file in files if is_test(manifest, file.path)), key=lambda file: file.path))


def is_test(manifest: Manifest, path: str) -> bool:
    return any(_is_at(path, tests) for tests in manifest.tests)


def manifest_path(directory: str) -> str:
    return f"{directory}/{FILENAME}" if directory else FILENAME


def _is_at(path: str, place: str) -> bool:
    place = place.rstrip("/")
    return path == place or path.startswith(f"{place}/")
