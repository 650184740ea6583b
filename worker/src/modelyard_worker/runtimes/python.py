"""The `python` runtime: the author's class or function, which imports nothing of ours."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard_worker.arrays import find_numpy, find_pandas
from modelyard_worker.failures import CheckFailure, describe, user_traceback
from modelyard_worker.runtimes.missing import missing_module
from modelyard_worker.tables import Table

if TYPE_CHECKING:
    from modelyard_worker.runtimes import LoadRequest

_HINT = 'Expected entry_point = "module:Name", a class with predict(rows) or a function of rows.'


class PythonModel:
    """An author's `predict`, called with rows in the layout that it asks for."""

    def __init__(self, predict: Callable[[Any], Any], layout: str) -> None:
        self._predict = predict
        self.layout = layout

    def predict(self, table: Table) -> Any:
        if self.layout == "frame":
            return self._predict(table.frame())
        return self._predict(table.array() if self.layout == "array" else table.dicts())


def load(request: LoadRequest) -> PythonModel:
    """Imports the entry point and loads it. Raises CheckFailure."""
    entry_point = str(request.entry.get("entry_point") or "")
    files_dir = request.files_dir
    if str(files_dir) not in sys.path:
        sys.path.insert(0, str(files_dir))
    target = _import_target(entry_point, request)
    try:
        target = target() if inspect.isclass(target) else target
        loader = getattr(target, "load", None)
        if callable(loader):
            loader(files_dir)
    except ModuleNotFoundError as error:
        raise missing_module(error, files_dir, request.author_modules, entry_point) from error
    except Exception as error:
        raise CheckFailure(
            "builds.load_failed",
            f"{entry_point} failed while it loaded: {describe(error)}.",
            "Load from the folder that load(files) is given: files hold what [model] files names.",
            {"traceback": user_traceback(error, files_dir)},
        ) from error
    predict = getattr(target, "predict", None) or target
    if not callable(predict):
        raise CheckFailure("builds.entry_point", f"{entry_point} has no predict(rows) and is no function.", _HINT)
    if inspect.iscoroutinefunction(predict):
        raise CheckFailure(
            "builds.entry_point", f"{entry_point} has an async predict, expected a plain one.", "Remove `async`."
        )
    return PythonModel(predict, layout_of(predict) or _possible(request.layout))


def _import_target(entry_point: str, request: LoadRequest) -> Any:
    module_name, colon, attribute = entry_point.partition(":")
    files_dir = request.files_dir
    if not (colon and attribute.isidentifier() and all(part.isidentifier() for part in module_name.split("."))):
        raise CheckFailure("builds.entry_point", f"Got entry_point {entry_point!r}.", _HINT)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name == module_name.partition(".")[0]:
            raise CheckFailure(
                "builds.entry_point",
                f"{entry_point}: there is no {module_name.replace('.', '/')}.py among the version's files.",
                "Correct entry_point, or add the file to [model] files.",
                {"files": _python_files(files_dir)},
            ) from error
        raise missing_module(error, files_dir, request.author_modules, f"{module_name}.py") from error
    except (Exception, SystemExit) as error:  # a module may even call exit() while it is imported
        raise CheckFailure(
            "builds.entry_point",
            f"{module_name}.py does not import: {describe(error)}.",
            "Importing it must work in the locked environment, from the pushed files alone.",
            {"traceback": user_traceback(error, files_dir)},
        ) from error
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise CheckFailure(
            "builds.entry_point",
            f"{module_name}.py has no {attribute}. It has: {', '.join(names[:20]) or 'nothing callable'}.",
            _HINT,
        ) from error


def _python_files(files_dir: Path) -> list[str]:
    return sorted(str(path.relative_to(files_dir)) for path in files_dir.rglob("*.py"))[:50]


def layout_of(predict: Callable[..., Any]) -> str:
    """What the annotation of the first parameter asks for: "frame", "array", "dicts", or "" where it does not say."""
    try:
        parameters = list(inspect.signature(predict).parameters.values())
    except (TypeError, ValueError):
        return ""
    if not parameters or parameters[0].annotation is inspect.Parameter.empty:
        return ""
    annotation = parameters[0].annotation
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__qualname__", "") + str(annotation)
    if "DataFrame" in text:
        return "frame"
    if "ndarray" in text or "NDArray" in text or "ArrayLike" in text:
        return "array"
    return "dicts" if any(word in text.lower() for word in ("list", "sequence", "iterable", "dict", "mapping")) else ""


def _possible(layout: str) -> str:
    """The declared layout, or the richest that the environment allows."""
    if layout in ("frame", "array", "dicts"):
        return layout
    return "frame" if find_pandas() is not None else "array" if find_numpy() is not None else "dicts"
