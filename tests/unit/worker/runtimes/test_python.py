"""Entry points: the author's class or function, which imports nothing of ours."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from tests.support.worker import write_module

from modelyard_worker.failures import CheckFailure
from modelyard_worker.rows import read_rows
from modelyard_worker.runtimes import LoadRequest, load_model
from modelyard_worker.runtimes.python import layout_of
from modelyard_worker.schema import infer_inputs
from modelyard_worker.tables import Inputs

ROWS = [{"a": 1.0, "b": 2.0}]
INPUTS = Inputs(infer_inputs(ROWS))


@pytest.fixture(autouse=True)
def clean_imports():
    modules, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if "site-packages" not in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def load(files_dir, source, entry_point="model:Model", layout="", **more):
    write_module(files_dir, source)
    return load_model(LoadRequest({"kind": "python", "entry_point": entry_point}, files_dir, INPUTS, layout, **more))


def failure(files_dir, source, entry_point="model:Model", **more) -> CheckFailure:
    with pytest.raises(CheckFailure) as caught:
        load(files_dir, source, entry_point, **more)
    return caught.value


def test_class_loads_its_files_and_predicts(tmp_path):
    (tmp_path / "weight.txt").write_text("3")
    source = """
from pathlib import Path
import pandas as pd

class Model:
    def load(self, files: Path) -> None:
        self.weight = float((files / "weight.txt").read_text())

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"y": rows["a"] * self.weight})
"""
    model = load(tmp_path, source)
    assert model.layout == "frame"
    assert model.predict(read_rows(ROWS, INPUTS))["y"].tolist() == [3.0]


@pytest.mark.parametrize(
    ("source", "layout"),
    [
        ("import numpy as np\ndef f(rows: np.ndarray): return rows.sum(axis=1)", "array"),
        ("def f(rows: 'list[dict]'): return [r['a'] + r['b'] for r in rows]", "dicts"),
        ("def f(rows: list[dict[str, float]]): return [r['a'] + r['b'] for r in rows]", "dicts"),
        ("from __future__ import annotations\ndef f(rows: pd.DataFrame): return rows['a'] + rows['b']", "frame"),
    ],
)
def test_annotation_decides_the_layout(tmp_path, source, layout):
    model = load(tmp_path, source, "model:f", layout="array" if layout != "array" else "dicts")
    assert model.layout == layout
    assert list(model.predict(read_rows(ROWS, INPUTS))) == [3.0]


@pytest.mark.parametrize(("declared", "layout"), [("array", "array"), ("dicts", "dicts"), ("", "frame")])
def test_without_annotation_the_declared_layout_counts(tmp_path, declared, layout):
    assert load(tmp_path, "def f(rows): return len(rows)", "model:f", layout=declared).layout == layout


def test_array_gets_columns_in_schema_order(tmp_path):
    model = load(tmp_path, "def f(x): return x", "model:f", layout="array")
    assert np.array_equal(model.predict(read_rows([{"b": 2.0, "a": 1.0}], INPUTS)), [[1.0, 2.0]])


def test_layout_of_something_without_signature_is_unknown():
    assert layout_of(max) == ""


def test_neighbouring_module_is_found(tmp_path):
    write_module(tmp_path, "def double(x):\n    return x * 2\n", "neighbour")
    model = load(tmp_path, "from neighbour import double\ndef f(x): return double(x)", "model:f", layout="array")
    assert model.predict(read_rows(ROWS, INPUTS)).tolist() == [[2.0, 4.0]]


@pytest.mark.parametrize("entry_point", ["model", "model:", ":Model", "mo del:Model", "../model:Model", "model:a.b"])
def test_malformed_entry_point_is_refused(tmp_path, entry_point):
    assert failure(tmp_path, "", entry_point).code == "builds.entry_point"


def test_absent_module_and_name_are_told_apart(tmp_path):
    absent = failure(tmp_path, "", "modle:Model")
    assert (absent.code, absent.details["files"]) == ("builds.entry_point", ["model.py"])
    nameless = failure(tmp_path, "class Tumour: pass", "model:Model")
    assert nameless.message == "model.py has no Model. It has: Tumour."


def test_module_that_raises_shows_only_the_authors_frames(tmp_path):
    problem = failure(tmp_path, "def build():\n    return 1 / 0\n\nbuild()\n")
    assert problem.code == "builds.entry_point"
    assert problem.message == "model.py does not import: ZeroDivisionError: division by zero."
    trace = problem.details["traceback"]
    assert 'File "model.py", line 4, in <module>' in trace
    assert "importlib" not in trace
    assert failure(tmp_path / "b", "import sys\nsys.exit(3)", "model:X").code == "builds.entry_point"


def test_syntax_error_is_an_entry_point_failure(tmp_path):
    assert "SyntaxError" in failure(tmp_path, "def f(:\n").message


def test_missing_imports_are_told_apart(tmp_path):
    local = failure(tmp_path, "import features.clean")
    assert local.code == "builds.local_module"
    assert local.message.startswith("model.py uses features (./features.py), which no dependency provides.")
    missing = failure(tmp_path / "b", "import lightgbm", "model:Model")
    assert (missing.code, missing.hint) == ("builds.module_missing", "Add lightgbm to the dependencies.")
    known = failure(tmp_path / "c", "import somebody_else", author_modules=("features",))
    assert known.code == "builds.module_missing"
    certain = failure(tmp_path / "d", "import yaml_tools_of_mine", author_modules=("yaml_tools_of_mine",))
    assert certain.code == "builds.local_module"


def test_import_inside_load_is_told_too(tmp_path):
    source = "class Model:\n    def load(self, files):\n        import features\n    def predict(self, rows): ..."
    assert failure(tmp_path, source).code == "builds.local_module"


def test_load_that_raises_is_a_load_failure(tmp_path):
    source = (
        "class Model:\n    def load(self, files):\n        open(files / 'no.txt')\n    def predict(self, rows): ..."
    )
    problem = failure(tmp_path, source)
    assert problem.code == "builds.load_failed"
    assert "FileNotFoundError" in problem.message
    assert "in load" in problem.details["traceback"]


def test_class_without_predict_is_refused(tmp_path):
    assert "has no predict(rows)" in failure(tmp_path, "class Model: pass").message


def test_async_predict_is_refused(tmp_path):
    source = "class Model:\n    async def predict(self, rows): ..."
    assert "async predict" in failure(tmp_path, source).message
