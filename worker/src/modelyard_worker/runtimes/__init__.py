"""How a version becomes something that predicts: one file for each way of packing a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from modelyard_worker.failures import CheckFailure
from modelyard_worker.runtimes import python, sklearn
from modelyard_worker.tables import Inputs, Table

ARTIFACT_SUFFIXES = {".skops": "skops", ".joblib": "joblib", ".pkl": "joblib", ".pickle": "joblib"}


class Model(Protocol):
    """A loaded model. `layout` is what its `predict` really gets: "frame", "array" or "dicts"."""

    layout: str

    def predict(self, table: Table) -> Any:
        """The model's own answer, in any form that `outputs.output_columns` takes. Raises what the model raises."""


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """`entry` as in the version document; `author_modules` are modules seen in the author's folder (None: unknown)."""

    entry: Mapping[str, Any]
    files_dir: Path
    inputs: Inputs
    layout: str = ""
    author_modules: tuple[str, ...] | None = None


LOADERS: dict[str, Callable[[LoadRequest], Model]] = {
    "python": python.load,
    "skops": sklearn.load_skops,
    "joblib": sklearn.load_joblib,
}


def load_model(request: LoadRequest) -> Model:
    """Loads by the entry's kind, or its artifact's format. Raises CheckFailure with a `builds.*` code."""
    entry = request.entry
    if entry.get("kind") == "python" or entry.get("entry_point"):
        return LOADERS["python"](request)
    artifact = str(entry.get("artifact") or "")
    format_name = str(entry.get("artifact_format") or ARTIFACT_SUFFIXES.get(Path(artifact).suffix.lower(), ""))
    if not (request.files_dir / artifact).is_file():
        raise CheckFailure(
            "builds.artifact_unreadable",
            f"The artifact {artifact!r} is not among the version's files.",
            "Name the file in [model] artifact, relative to modelyard.toml.",
        )
    if format_name not in LOADERS or format_name == "python":
        raise CheckFailure(
            "builds.artifact_unknown_format",
            f"The artifact {artifact!r} has no known format, expected one of: {', '.join(ARTIFACT_SUFFIXES)}.",
            "Save it with skops or joblib, or write a class and name it as entry_point.",
        )
    return LOADERS[format_name](request)
