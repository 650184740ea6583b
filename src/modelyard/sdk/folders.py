"""What of a folder is pushed: its Python files and what the manifest names. Data stays; its digest and profile go."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelyard.contracts.manifest import FILENAME, Manifest, parse
from modelyard.sdk.errors import ModelyardError

_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "venv", "env", "build", "dist", "site-packages"})
METRICS_FILE = "metrics.json"
CHUNK_BYTES = 1024 * 1024
PROFILE_COLUMNS_MAX = 300


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to push: its path in the version, its digest, and where its bytes are."""

    path: str
    digest: str
    size_bytes: int
    source: Path

    def to_json(self) -> dict[str, Any]:
        return {"path": self.path, "digest": self.digest, "size_bytes": self.size_bytes}


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder read and checked: `data` holds digests and profiles of training and evaluation data."""

    directory: Path
    manifest_text: str
    manifest: Manifest
    files: tuple[LocalFile, ...]
    data: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


def read_manifest(directory: Path) -> tuple[str, Manifest]:
    """Text and content of the folder's manifest. Raises ModelyardError without one, ManifestError for a bad one."""
    path = directory / FILENAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ModelyardError(
            f"there is no {FILENAME} in {directory}.",
            code="manifest.not_found",
            hint="modelyard init NAME writes one, or change to the model's folder",
        ) from None
    except UnicodeDecodeError as cause:
        raise ModelyardError(f"{path} is not UTF-8 text: {cause}.", code="manifest.not_text") from cause
    return text, parse(text, str(path) if directory != Path() else FILENAME)


def read_folder(directory: Path) -> Folder:
    """Everything that a push of the folder sends. Raises ModelyardError for what is missing."""
    text, manifest = read_manifest(directory)
    paths = dict.fromkeys([*_expand(directory, manifest.referenced_paths()), *_python_files(directory)])
    companions = [METRICS_FILE]
    if manifest.environment.dependencies.endswith("uv.lock"):
        companions.append(str(Path(manifest.environment.dependencies).with_name("pyproject.toml")))
    paths |= dict.fromkeys(name for name in companions if (directory / name).is_file())
    _check_entry_point(directory, manifest)
    files = tuple(local_file(directory / path, path) for path in sorted(paths))
    named = {"training": manifest.data.training, "evaluation": manifest.data.evaluation}
    data: dict[str, Any] = {kind: describe_data(directory / path, path) for kind, path in named.items() if path}
    if manifest.data.label and data:
        data["label"] = manifest.data.label
    return Folder(directory, text, manifest, files, data, read_metrics(directory))


def local_file(source: Path, path: str) -> LocalFile:
    digest = hashlib.sha256()
    size = 0
    with source.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return LocalFile(path, "sha256:" + digest.hexdigest(), size, source)


def read_metrics(directory: Path) -> dict[str, Any]:
    """The numbers of `metrics.json`, such as {"auc": 0.992}; empty without the file."""
    path = directory / METRICS_FILE
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as cause:
        raise ModelyardError(f"{path} is not JSON: {cause}.", code="builds.metrics_unreadable") from cause
    good = isinstance(found, dict) and all(
        isinstance(value, (int, float)) and math.isfinite(value) for value in found.values()
    )
    if not good:
        raise ModelyardError(
            f'{path}: expected an object of finite numbers, such as {{"auc": 0.99}}.', code="builds.metrics_unreadable"
        )
    return dict(found)


def describe_data(source: Path, path: str) -> dict[str, Any]:
    """Digest, size and, of CSV, a profile: row count and per column missing values, minimum, maximum and mean."""
    try:
        file = local_file(source, path)
    except FileNotFoundError:
        raise ModelyardError(
            f"[data] names {path}, which is not in the folder.",
            code="builds.data_not_found",
            hint="run the script that writes it, or take the line out of the manifest",
        ) from None
    profile = _profile_csv(source) if source.suffix == ".csv" else None
    return {**file.to_json(), "profile": profile}


def _expand(directory: Path, named: tuple[str, ...]) -> Iterator[str]:
    for path in named:
        source = directory / path
        if not source.exists():
            raise ModelyardError(
                f"the manifest names {path}, which is not in {directory.resolve()}.",
                code="builds.file_not_found",
                hint="write it (for a model file: run your training script), or take it out of the manifest",
            )
        if not source.resolve().is_relative_to(directory.resolve()):
            raise ModelyardError(f"{path} points outside the folder.", code="builds.file_outside")
        if source.is_dir():
            for inner in sorted(source.rglob("*")):
                relative = inner.relative_to(directory)
                if inner.is_file() and not _is_skipped(relative):
                    yield relative.as_posix()
        else:
            yield path


def _python_files(directory: Path) -> Iterator[str]:
    for source in sorted(directory.rglob("*.py")):
        relative = source.relative_to(directory)
        outside = not source.resolve().is_relative_to(directory.resolve())
        if source.is_file() and not outside and not _is_skipped(relative) and not _in_environment(directory, relative):
            yield relative.as_posix()


def _is_skipped(relative: Path) -> bool:
    return any(part in _SKIPPED_FOLDERS or part.startswith(".") for part in relative.parts)


def _in_environment(directory: Path, relative: Path) -> bool:
    return any((directory / parent / "pyvenv.cfg").exists() for parent in relative.parents)


def _check_entry_point(directory: Path, manifest: Manifest) -> None:
    module = manifest.model.entry_point.partition(":")[0]
    if not module:
        return
    place = Path(*module.split("."))
    if not (directory / place.with_suffix(".py")).is_file() and not (directory / place / "__init__.py").is_file():
        raise ModelyardError(
            f'entry_point "{manifest.model.entry_point}": there is no {place.with_suffix(".py")} in the folder.',
            code="builds.entry_point_not_found",
            hint='write it, or name the module that has the class: entry_point = "module:Name"',
        )


def _profile_csv(source: Path) -> dict[str, Any]:
    """One pass with the standard library, so that a push needs no pandas."""
    with source.open(newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.reader(file)
        names = next(reader, [])
        columns = [_ColumnProfile(name) for name in names[:PROFILE_COLUMNS_MAX]]
        rows = 0
        for row in reader:
            rows += 1
            for column, text in zip(columns, row, strict=False):
                column.add(text)
    return {"rows": rows, "columns": [column.to_json() for column in columns]}


class _ColumnProfile:
    def __init__(self, name: str) -> None:
        self.name = name
        self.missing = 0
        self.numbers = 0
        self.total = 0.0
        self.low = math.inf
        self.high = -math.inf

    def add(self, text: str) -> None:
        if not text.strip():
            self.missing += 1
            return
        try:
            value = float(text)
        except ValueError:
            return
        if math.isfinite(value):
            self.numbers += 1
            self.total += value
            self.low, self.high = min(self.low, value), max(self.high, value)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"name": self.name, "nulls": self.missing}
        if self.numbers:
            found |= {"min": self.low, "max": self.high, "mean": self.total / self.numbers}
        return found
