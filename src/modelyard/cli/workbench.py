"""A model's folder as a build would see it, staged beside it: only what a push would send is there."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modelyard.contracts.manifest import Manifest
from modelyard.sdk.errors import ModelyardError
from modelyard.sdk.folders import Folder, read_folder
from modelyard.sdk.pushing import modules_beside


@contextmanager
def staged(directory: Path) -> Iterator[tuple[Folder, Path]]:
    """The folder as read, and a copy of it that holds what a push sends; gone at the end."""
    folder = read_folder(directory)
    with tempfile.TemporaryDirectory(prefix="modelyard-test-") as temporary:
        target = Path(temporary) / "files"
        stage(folder, target)
        yield folder, target


def stage(folder: Folder, target: Path) -> None:
    """Copies code, which would otherwise remember where it came from, and links the rest, which may be large."""
    for file in folder.files:
        place = target / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.source.suffix == ".py":
            shutil.copyfile(file.source, place)
        else:
            os.symlink(file.source.resolve(), place)


def worker_spec(folder: Folder, files_dir: Path) -> dict[str, Any]:
    """What the worker is told: entry, schema or sample, examples, tests, limits."""
    manifest = folder.manifest
    schema = None
    if manifest.schema.inputs:
        schema = {
            "inputs": [asdict(column) for column in manifest.schema.inputs],
            "outputs": [asdict(column) for column in manifest.schema.outputs],
            "key": manifest.schema.key,
        }
        if manifest.schema.layout:
            schema["layout"] = manifest.schema.layout
    return {
        "project": "local",
        "model": manifest.model.name,
        "version": manifest.model.version or "0.0.0",
        "version_id": "local",
        "files_dir": str(files_dir),
        "entry": _entry(manifest),
        "schema": schema,
        "sample": _rows(folder.directory, manifest.schema.sample) if manifest.schema.sample else None,
        "key": manifest.schema.key,
        "layout": manifest.schema.layout or "",
        "examples": [
            {
                "input": _rows(folder.directory, example.input) if isinstance(example.input, str) else [example.input],
                "expect": example.expect,
            }
            for example in manifest.examples
        ],
        "tests": {"paths": list(manifest.tests)},
        "timeout_s": manifest.resources.timeout_s,
        "author_modules": modules_beside(folder.directory),
    }


def _entry(manifest: Manifest) -> dict[str, Any]:
    if manifest.model.entry_point:
        return {"kind": "python", "entry_point": manifest.model.entry_point}
    suffix = manifest.model.artifact.rpartition(".")[2]
    return {"kind": "artifact", "artifact": manifest.model.artifact, "artifact_format": suffix}


def _rows(directory: Path, path: str) -> list[Any]:
    try:
        found = json.loads((directory / path).read_text())
    except ValueError as cause:
        raise ModelyardError(
            f"{path} is not JSON: {cause}.", code="builds.sample_rejected", hint="write one row, or a list of rows"
        ) from cause
    if isinstance(found, dict) and isinstance(found.get("rows"), list):
        found = found["rows"]
    return found if isinstance(found, list) else [found]
