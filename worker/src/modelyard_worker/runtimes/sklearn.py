"""The `skops` and `joblib` artifacts: scikit-learn estimators, and whatever else has a `predict` of its kind."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard_worker.arrays import find_numpy, find_pandas
from modelyard_worker.failures import CheckFailure, describe, user_traceback
from modelyard_worker.runtimes.missing import missing_module
from modelyard_worker.tables import Inputs, Table

if TYPE_CHECKING:
    from modelyard_worker.runtimes import LoadRequest

# These choose columns by name, or hand them to code that may: they need a real DataFrame.
_NEED_FRAMES = frozenset({"ColumnTransformer", "FunctionTransformer"})

# Their `predict` is the class of the greatest probability, or of a score that rises with it. A test holds each to it.
_ARGMAX_CLASSIFIERS = frozenset({
    "BernoulliNB", "DecisionTreeClassifier", "ExtraTreesClassifier", "GaussianNB", "GradientBoostingClassifier",
    "HistGradientBoostingClassifier", "LinearDiscriminantAnalysis", "LogisticRegression", "LogisticRegressionCV",
    "MLPClassifier", "MultinomialNB", "RandomForestClassifier",
})  # fmt: skip
_CLEAR_MARGIN = 1e-9


def load_skops(request: LoadRequest) -> SklearnModel:
    """Reads a skops file, trusting only what skops itself trusts. Raises CheckFailure."""
    path = request.files_dir / str(request.entry["artifact"])

    def read() -> Any:
        import skops.io.exceptions

        try:
            return skops.io.load(path)
        except skops.io.exceptions.UntrustedTypesFoundException as error:
            raise _untrusted(path, skops.io.get_untrusted_types(file=path)) from error

    return _load(request, path, read)


def _untrusted(path: Path, types: list[str]) -> CheckFailure:
    return CheckFailure(
        "builds.artifact_unreadable",
        f"{path.name} holds types that skops does not trust: {', '.join(types)}.",
        f'Load it in a class named by entry_point: skops.io.load(files / "{path.name}", trusted={types!r}).',
        {"untrusted_types": types},
    )


def load_joblib(request: LoadRequest) -> SklearnModel:
    """Unpickles a joblib (or plain pickle) file; only ever inside a cell. Raises CheckFailure."""
    path = request.files_dir / str(request.entry["artifact"])

    def read() -> Any:
        import joblib

        return joblib.load(path)

    return _load(request, path, read)


def _load(request: LoadRequest, path: Path, read: Callable[[], Any]) -> SklearnModel:
    if str(request.files_dir) not in sys.path:
        sys.path.insert(0, str(request.files_dir))
    try:
        estimator = read()
    except CheckFailure:
        raise
    except ModuleNotFoundError as error:
        raise missing_module(error, request.files_dir, request.author_modules, path.name) from error
    except AttributeError as error:
        raise CheckFailure(
            "builds.local_module",
            f"{path.name} refers to code that is not there: {describe(error)}.",
            "Define the class or function in a module of its own, push that file too, and save the model again.",
            {"traceback": user_traceback(error, request.files_dir)},
        ) from error
    except Exception as error:
        raise CheckFailure("builds.artifact_unreadable", *_why_unreadable(path, error)) from error
    if not callable(getattr(estimator, "predict", None)):
        raise CheckFailure(
            "builds.load_failed",
            f"{path.name} holds {type(estimator).__name__}, which has no predict.",
            "Save the fitted model or pipeline itself.",
        )
    return SklearnModel(estimator, request.inputs)


def _why_unreadable(path: Path, error: Exception) -> tuple[str, str]:
    with path.open("rb") as file:
        beginning = file.read(64)
    size = path.stat().st_size
    if beginning.startswith(b"version https://git-lfs"):
        return f"{path.name} is a Git LFS pointer, not the file itself.", "Run `git lfs pull` and push again."
    return (
        f"{path.name} ({size} bytes) cannot be read: {describe(error)}.",
        "It may be cut short or of another format: save it again, with the package versions of the lock.",
    )


class SklearnModel:
    """`label` and `p_<class>` for classifiers with probabilities, else `label` or `prediction`."""

    def __init__(self, estimator: Any, inputs: Inputs) -> None:
        self._estimator = estimator
        self._steps, self._last = _unrolled(estimator)
        self._classes = _classes(estimator)
        self._texts = len(inputs.names) == 1 and _takes_texts(estimator)
        self._order: list[int] | None = None
        self._output = "label" if self._classes is not None or _is_classifier(estimator) else "prediction"
        has_proba = callable(getattr(estimator, "predict_proba", None))
        self._proba_names = [f"p_{name}" for name in self._classes] if self._classes and has_proba else []
        self._argmax = _is_own(self._last) and type(self._last).__name__ in _ARGMAX_CLASSIFIERS
        names = getattr(estimator, "feature_names_in_", None)
        self._fitted_names = [str(name) for name in names] if names is not None else None
        self._frames = self._needs_frames(inputs)
        self.layout = "frame" if self._frames or self._fitted_names is not None else "array"

    def predict(self, table: Table) -> dict[str, Any]:
        x = self._input(table)
        for step in self._steps:
            x = step.transform(x)
        if not self._proba_names:
            return self._columns(self._last.predict(x))
        probabilities = self._last.predict_proba(x)
        labels = self._clear_labels(probabilities) if self._argmax else None
        columns = self._columns(self._last.predict(x) if labels is None else labels)
        for index, name in enumerate(self._proba_names):
            columns[name] = probabilities[:, index]
        return columns

    def _clear_labels(self, probabilities: Any) -> Any:
        """What `predict` would say, without its cost; None where two classes are too close to call."""
        best = probabilities.argmax(axis=1)
        if probabilities.shape[1] == 2:
            margin = abs(probabilities[:, 1] - probabilities[:, 0]).min()
        else:
            ranked = find_numpy().sort(probabilities, axis=1)
            margin = (ranked[:, -1] - ranked[:, -2]).min() if ranked.shape[1] > 1 else 1.0
        return self._last.classes_.take(best) if margin > _CLEAR_MARGIN else None

    def _columns(self, answer: Any) -> dict[str, Any]:
        if getattr(answer, "ndim", 1) == 2 and answer.shape[1] == 1:
            answer = answer[:, 0]
        return {self._output: answer}

    def _needs_frames(self, inputs: Inputs) -> bool:
        """Decides how rows arrive. An array is many times cheaper to make, and gives the same where columns are
        numbers in the fitted order and nothing inside looks at names."""
        if self._texts or find_pandas() is None:
            return False
        estimators = list(_nested(self._estimator))
        by_name = any(type(e).__name__ in _NEED_FRAMES or not _is_own(e) or _wants_pandas(e) for e in estimators)
        if self._fitted_names is None:
            return not inputs.numeric
        if by_name or not inputs.uniform or sorted(self._fitted_names) != sorted(inputs.names):
            return True
        order = [inputs.names.index(name) for name in self._fitted_names]
        self._order = order if order != sorted(order) else None
        for estimator in estimators:
            # With names gone, scikit-learn neither checks nor warns at every call that an array has none.
            vars(estimator).pop("feature_names_in_", None)
        return False

    def _input(self, table: Table) -> Any:
        if self._frames:
            frame = table.frame()
            names = self._fitted_names
            return frame[names] if names is not None and names != list(table.inputs.names) else frame
        if self._texts:
            return [next(iter(row.values())) for row in table.dicts()]
        matrix = table.array()
        return matrix[:, self._order] if self._order is not None else matrix


def _unrolled(estimator: Any) -> tuple[list[Any], Any]:
    """A pipeline's transformers and its last step, so that label and probabilities share one transformation."""
    if type(estimator).__name__ != "Pipeline" or not type(estimator).__module__.startswith("sklearn."):
        return [], estimator
    steps = [step for _, step in estimator.steps]
    last = steps[-1]
    if last in (None, "passthrough") or getattr(estimator, "transform_input", None):
        return [], estimator
    return [step for step in steps[:-1] if step is not None and step != "passthrough"], last


def _classes(estimator: Any) -> list[str] | None:
    """Class names, where the model has one list of them (several outputs have several)."""
    classes = getattr(estimator, "classes_", None)
    if classes is None or isinstance(classes, list) or getattr(classes, "ndim", 1) != 1:
        return None
    return [str(name) for name in classes.tolist()]


def _is_classifier(estimator: Any) -> bool:
    base = sys.modules.get("sklearn.base")
    if base is None:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bool(base.is_classifier(estimator))
        except Exception:
            return False


def _takes_texts(estimator: Any) -> bool:
    first = estimator.steps[0][1] if getattr(estimator, "steps", None) else estimator
    return type(first).__module__.startswith("sklearn.feature_extraction.text")


def _is_own(estimator: Any) -> bool:
    return type(estimator).__module__.startswith("sklearn.")


def _wants_pandas(estimator: Any) -> bool:
    output = getattr(estimator, "_sklearn_output_config", None)
    return bool(output and output.get("transform") not in (None, "default"))


def _nested(value: Any, depth: int = 0) -> Iterator[Any]:
    """The estimator and those inside it, wherever lists, tuples and dicts of its attributes hold them."""
    if depth > 8:
        return
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _nested(item, depth + 1)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _nested(item, depth + 1)
    elif hasattr(value, "get_params") and not isinstance(value, type):
        yield value
        np = find_numpy()
        for item in vars(value).values():
            if np is None or not isinstance(item, (np.ndarray, str, int, float)):
                yield from _nested(item, depth + 1)
