"""A live object to a folder that can be pushed: its file, its requirements, its sample, its manifest."""

from __future__ import annotations

import ast
import importlib.metadata
import io
import json
import pickle
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.sdk.errors import ModelyardError
from modelyard.sdk.frames import to_rows

SAMPLE_ROWS_MAX = 20
LOCAL_MODULE = "builds.local_module"


def write_folder(
    directory: Path,
    model: Any,
    *,
    name: str,
    sample: Any,
    version: str = "",
    description: str = "",
    files: Sequence[str | Path] = (),
    metrics: Mapping[str, float] | None = None,
) -> None:
    """Writes the model, requirements, sample and manifest into the directory.

    Raises ModelyardError when the model needs a module that neither a package nor `files` provides.
    """
    modules = used_modules(model)
    provided = _copy_files(directory, files)
    for path in sorted(directory.rglob("*.py")):
        modules |= {(module, "") for module in imported_modules(path)}
    requirements, artifact = _requirements(modules, provided), _save(directory, model)
    tables = _table_packages(sample)
    needed = {"skops", "scikit-learn"} if artifact.endswith(".skops") else {"joblib"}
    for package in (*sorted(needed), *tables):
        requirements.setdefault(package, importlib.metadata.version(package))
    lines = [f"{package}=={version_of}" for package, version_of in sorted(requirements.items())]
    (directory / "requirements.txt").write_text("\n".join(lines) + "\n")
    features = getattr(model, "feature_names_in_", None)
    rows = to_rows(sample, names=[str(feature) for feature in features] if features is not None else ())
    (directory / "row.json").write_text(json.dumps(rows[:SAMPLE_ROWS_MAX], indent=1, allow_nan=False) + "\n")
    if metrics:
        (directory / "metrics.json").write_text(json.dumps(dict(metrics), indent=1) + "\n")
    layout = "frame" if features is not None or "pandas" in tables else "array"
    manifest = _manifest(name, version, description, artifact, layout, sorted(provided))
    (directory / "modelyard.toml").write_text(manifest)


class _Recorder(pickle._Pickler):
    """Pickles to nowhere and notes every class and function that the object is made of."""

    def __init__(self) -> None:
        # Large buffers, such as arrays, are handed to the callback instead of being copied.
        super().__init__(io.BytesIO(), protocol=5, buffer_callback=lambda _: None)
        self.found: set[tuple[str, str]] = set()

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = pickle.whichmodule(obj, name or getattr(obj, "__qualname__", obj.__name__))  # type: ignore[attr-defined]
        self.found.add((module, name or getattr(obj, "__qualname__", obj.__name__)))
        if module == "__main__":
            raise _local(f"{self._last(obj)}", "this notebook or script", "FILE.py", move=True)
        super().save_global(obj, name)  # type: ignore[misc]

    @staticmethod
    def _last(obj: Any) -> str:
        return str(getattr(obj, "__qualname__", obj))


# The pure-Python pickler finds a type's own method by this table instead of by name.
_DISPATCH: dict[type, Any] = dict(pickle._Pickler.dispatch)
for _kind, _method in _DISPATCH.items():
    if _method is pickle._Pickler.save_global:  # type: ignore[attr-defined]
        _DISPATCH[_kind] = _Recorder.save_global
_Recorder.dispatch = _DISPATCH


def used_modules(model: Any) -> set[tuple[str, str]]:
    """(module, name) of every class and function inside the object.

    Raises ModelyardError when something in it cannot be written to a file, or lives in the notebook itself.
    """
    recorder = _Recorder()
    try:
        recorder.dump(model)
    except (pickle.PicklingError, TypeError, AttributeError) as cause:
        raise ModelyardError(
            f"the model can't be written to a file: {cause}.",
            code="builds.not_serializable",
            hint='functions and classes must be importable from a file: my.push(…, files=["features.py"])',
        ) from cause
    return recorder.found


def imported_modules(path: Path) -> set[str]:
    """Modules that a Python file imports, by their full names; relative imports are its own folder's affair."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (SyntaxError, UnicodeDecodeError) as cause:
        raise ModelyardError(f"{path.name} is not valid Python: {cause}.", code="builds.not_python") from cause
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def _requirements(modules: Iterable[tuple[str, str]], provided: set[str]) -> dict[str, str]:
    """Installed versions of the distributions behind the modules. Raises ModelyardError for a local module."""
    distributions = importlib.metadata.packages_distributions()
    found: dict[str, str] = {}
    for module, name in sorted(modules):
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or _is_provided(top, provided):
            continue
        if top in distributions:
            package = distributions[top][0]
            found[package] = importlib.metadata.version(package)
            continue
        origin = getattr(sys.modules.get(top), "__file__", None)
        place = f"./{Path(origin).name}" if origin else "not found here"
        file = Path(origin).name if origin and not origin.endswith("__init__.py") else f"{top}/"
        raise _local(f"{module}.{name}" if name else module, place, file)
    if "scikit-learn" in found:
        found |= {package: importlib.metadata.version(package) for package in ("numpy", "scipy")}
    return found


def _is_provided(top: str, provided: set[str]) -> bool:
    return f"{top}.py" in provided or any(path.startswith(f"{top}/") for path in provided)


def _local(what: str, place: str, file: str, *, move: bool = False) -> ModelyardError:
    next_step = f'Next: my.push(…, files=["{file}"]).' if not move else (
        'Next: move it to a file, import it from there, and my.push(…, files=["features.py"]).'
    )  # fmt: skip
    return ModelyardError(
        f"the model uses {what} ({place}), which no dependency provides.\n"
        "Expected every import to come from the lock or from pushed files.",
        code=LOCAL_MODULE,
        hint=f"{next_step} Nothing uploaded.",
    )


def _copy_files(directory: Path, files: Sequence[str | Path]) -> set[str]:
    provided: set[str] = set()
    for given in files:
        source = Path(given)
        if not source.exists():
            raise ModelyardError(f"files: there is no {source}.", code="builds.file_not_found")
        if source.is_dir():
            shutil.copytree(source, directory / source.name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            inner = (directory / source.name).rglob("*")
            provided |= {path.relative_to(directory).as_posix() for path in inner if path.is_file()}
        else:
            shutil.copyfile(source, directory / source.name)
            provided.add(source.name)
    return provided


def _save(directory: Path, model: Any) -> str:
    """`model.skops` when every type in it is one that skops trusts by itself, else `model.joblib`."""
    target = directory / "model.skops"
    try:
        import skops.io

        skops.io.dump(model, target)
        if not skops.io.get_untrusted_types(file=target):
            return target.name
    except ImportError:
        pass
    except Exception:  # noqa: BLE001, S110 - skops refuses what it does not know by several kinds of error; joblib takes those
        pass
    target.unlink(missing_ok=True)
    try:
        import joblib
    except ImportError:
        raise ModelyardError(
            f"{type(model).__name__} needs skops or joblib to be written, and neither is installed.",
            code="builds.not_serializable",
            hint="pip install skops",
        ) from None
    joblib.dump(model, directory / "model.joblib")
    return "model.joblib"


def _table_packages(sample: Any) -> tuple[str, ...]:
    pandas = sys.modules.get("pandas")
    return ("pandas",) if pandas is not None and isinstance(sample, (pandas.DataFrame, pandas.Series)) else ()


def _manifest(name: str, version: str, description: str, artifact: str, layout: str, files: Sequence[str]) -> str:
    model = {"name": name, "version": version, "artifact": artifact, "description": description}
    lines = ["[model]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in model.items() if value)]
    extra = [file for file in files if not file.endswith(".py")]
    lines += [f"files = {json.dumps(extra, ensure_ascii=False)}"] if extra else []
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    lines += ["[environment]", f'python = "{python}"', 'dependencies = "requirements.txt"']
    lines += ["[schema]", 'sample = "row.json"', f'layout = "{layout}"']
    return "\n".join(lines) + "\n"
