"""What a live object needs, found out before anything is sent."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.contracts.manifest import parse
from modelyard.sdk.errors import ModelyardError
from modelyard.sdk.estimators import used_modules, write_folder

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")
sklearn_pipeline = pytest.importorskip("sklearn.pipeline")
preprocessing = pytest.importorskip("sklearn.preprocessing")
linear_model = pytest.importorskip("sklearn.linear_model")

X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, None, 0.0, 1.0]})
Y = [0, 0, 1, 1]


@pytest.fixture
def features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module of the author's own, beside the notebook."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "features.py").write_text("import pandas\n\ndef clean(rows):\n    return rows.fillna(0)\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(folder)
    yield folder
    sys.modules.pop("features", None)


def pipe(*steps: Any) -> Any:
    return sklearn_pipeline.make_pipeline(*steps, preprocessing.StandardScaler(), linear_model.LogisticRegression())


def with_features() -> Any:
    import features  # type: ignore[import-not-found]

    return pipe(preprocessing.FunctionTransformer(features.clean)).fit(X, Y)


def test_write_folder_estimator_gets_skops_pins_and_sample(tmp_path: Path) -> None:
    write_folder(tmp_path, pipe().fit(X.fillna(0), Y), name="notebook", sample=X[:2], metrics={"auc": 1.0})
    manifest = parse((tmp_path / "modelyard.toml").read_text())
    assert (manifest.model.name, manifest.model.artifact, manifest.schema.layout) == (
        "notebook",
        "model.skops",
        "frame",
    )
    pins = dict(line.split("==") for line in (tmp_path / "requirements.txt").read_text().split())
    assert pins["scikit-learn"] == importlib.metadata.version("scikit-learn")
    assert {"numpy", "pandas", "skops"} <= pins.keys()
    assert json.loads((tmp_path / "row.json").read_text()) == [{"a": 0.0, "b": 1.0}, {"a": 1.0, "b": None}]


def test_write_folder_array_model_is_called_with_arrays(tmp_path: Path) -> None:
    write_folder(tmp_path, pipe().fit(X.fillna(0).to_numpy(), Y), name="m", sample=np.array([[1.0, 2.0]]))
    assert parse((tmp_path / "modelyard.toml").read_text()).schema.layout == "array"
    assert json.loads((tmp_path / "row.json").read_text()) == [{"x0": 1.0, "x1": 2.0}]


def test_write_folder_local_module_is_named_with_the_call_that_helps(tmp_path: Path, features: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    with pytest.raises(ModelyardError) as caught:
        write_folder(target, with_features(), name="m", sample=X[:1])
    assert str(caught.value) == (
        "the model uses features.clean (./features.py), which no dependency provides.\n"
        "Expected every import to come from the lock or from pushed files.\n"
        'Next: my.push(…, files=["features.py"]). Nothing uploaded.        builds.local_module'
    )


def test_write_folder_with_the_local_module_takes_it_along(tmp_path: Path, features: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    write_folder(target, with_features(), name="m", sample=X[:1], files=["features.py"])
    assert (target / "features.py").read_text() == (features / "features.py").read_text()
    assert "pandas==" in (target / "requirements.txt").read_text()
    # Not one of the types that skops trusts by itself: written by joblib, loaded in a cell alone.
    assert (target / "model.joblib").exists()


def test_write_folder_second_local_module_behind_the_first_is_found(tmp_path: Path, features: Path) -> None:
    (features / "deeper.py").write_text("")
    (features / "features.py").write_text("import deeper\n\ndef clean(rows):\n    return rows.fillna(0)\n")
    target = tmp_path / "out"
    target.mkdir()
    model = with_features()
    try:
        with pytest.raises(ModelyardError, match=r"deeper \(\./deeper\.py\)"):
            write_folder(target, model, name="m", sample=X[:1], files=["features.py"])
    finally:
        sys.modules.pop("deeper", None)


def test_used_modules_function_of_the_notebook_says_to_move_it(monkeypatch: pytest.MonkeyPatch) -> None:
    main = sys.modules["__main__"]
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec("def clean(rows): return rows", namespace)
    monkeypatch.setattr(main, "clean", namespace["clean"], raising=False)
    with pytest.raises(ModelyardError, match="this notebook or script") as caught:
        used_modules(preprocessing.FunctionTransformer(namespace["clean"]))
    assert caught.value.code == "builds.local_module"


def test_used_modules_lambda_is_refused_with_the_remedy() -> None:
    with pytest.raises(ModelyardError) as caught:
        used_modules(preprocessing.FunctionTransformer(lambda rows: rows))
    assert caught.value.code == "builds.not_serializable"
