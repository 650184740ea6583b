"""The check of a build in a process of its own: what it finds, what it prints, and every way to fail."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.support.worker import save_model, spec_of, tumour_model, tumour_rows, write_module

from modelyard.contracts.cell_job import CellJobFailure
from modelyard.contracts.version_document import schema_from_json
from modelyard_worker.author_tests import unmet

ENTRY = {"kind": "python", "entry_point": "model:Model"}


def check(spec, folder):
    """The result, what was printed, and the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.json").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "modelyard_worker", "check", "--spec", folder / "spec.json", "--out", folder]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    return json.loads((folder / "result.json").read_text()), done.stdout + done.stderr, done.returncode


def failure_of(spec, folder) -> CellJobFailure:
    result, _, code = check(spec, folder)
    assert (list(result), code) == (["failure"], 1)
    return CellJobFailure(**result["failure"])


def python_spec(tmp_path, body, sample, header="", **more):
    """A spec of a class whose predict has this body; dicts in."""
    source = f"{header}\nclass Model:\n    def predict(self, rows: list):\n        {body}\n"
    write_module(tmp_path / "files", source)
    return spec_of(tmp_path / "files", ENTRY, sample, **more)


TESTS = """
import pytest

def test_monotone(model, rows):
    worse = rows.assign(**{"worst area": rows["worst area"] * 2})
    assert (model.predict(worse).p_malignant >= model.predict(rows).p_malignant).all()

def test_dicts(model):
    assert model.predict([ROW]).label[0] == "malignant"

@pytest.mark.skip(reason="later")
def test_skipped():
    pass
"""


def test_real_model_passes_and_says_everything(tmp_path):
    files_dir = tmp_path / "files"
    rows = tumour_rows(2)
    spec = spec_of(
        files_dir,
        save_model(tumour_model(), files_dir),
        rows,
        examples=[
            {"input": rows[0], "expect": {"label": "malignant", "p_malignant": {"min": 0.9}}},
            {"input": {"rows": rows}, "expect": {"label": {"one_of": ["malignant"]}}},
        ],
        tests={"paths": ["tests"]},
    )
    (files_dir / "tests").mkdir()
    (files_dir / "tests" / "test_model.py").write_text(f"ROW = {rows[0]!r}\n{TESTS}")
    result, printed, code = check(spec, tmp_path)
    assert code == 0, printed
    schema = schema_from_json(result["schema"])
    assert (len(schema.inputs), schema.layout) == (30, "frame")
    assert [(c.name, c.datatype, c.kind) for c in schema.outputs] == [
        ("label", "BYTES", "text"),
        ("p_benign", "FP64", "number"),
        ("p_malignant", "FP64", "number"),
    ]
    assert result["deterministic"] is True
    assert [row["label"] for row in result["sample_output"]] == ["malignant", "malignant"]
    assert result["examples"] == [{"index": n, "passed": True, "message": ""} for n in (0, 1)]
    assert {name: result["tests"][name] for name in ("passed", "failed", "skipped")} == {
        "passed": 2,
        "failed": 0,
        "skipped": 1,
    }
    assert "2 passed, 1 skipped" in result["tests"]["output"]
    assert {"numpy", "sklearn", "sklearn.pipeline", "sklearn.preprocessing", "skops"} <= set(result["preload"])
    assert not any(name.startswith(("modelyard", "model", "test")) for name in result["preload"])
    assert result["load_s"] > 0
    assert result["predict_ms"] > 0
    for line in ("load ✓", "schema 30 → 3 ✓", "examples 2/2 ✓", "pytest 2/2 ✓"):
        assert line in printed


def test_declared_schema_is_kept_and_the_key_is_no_input(tmp_path):
    declared = {
        "inputs": [{"name": "a", "datatype": "FP64"}, {"name": "b", "datatype": "FP64", "nullable": True}],
        "outputs": [{"name": "prediction", "datatype": "FP64", "nullable": True}],
    }
    sample = [{"id": "c1", "a": 1, "b": None}]
    spec = python_spec(tmp_path, "return [row['a'] for row in rows]", sample, schema=declared, key="id")
    result, _, _ = check(spec, tmp_path)
    schema = schema_from_json(result["schema"])
    assert [(c.name, c.datatype, c.nullable) for c in schema.inputs] == [("a", "FP64", False), ("b", "FP64", True)]
    assert (schema.outputs[0].nullable, schema.key, schema.layout) == (True, "id", "dicts")
    assert result["sample_output"] == [{"prediction": 1.0}]


@pytest.mark.parametrize(
    ("declared", "finding"),
    [
        ({"inputs": [{"name": "a", "datatype": "BYTES"}]}, 'inputs."a": saw INT64, declared BYTES'),
        ({"inputs": [{"name": "z", "datatype": "FP64"}]}, 'inputs."a" was seen but is not declared'),
        ({"outputs": [{"name": "p", "datatype": "FP64"}]}, 'outputs."p" is declared but was not seen'),
    ],
)
def test_contradiction_fails_the_check(tmp_path, declared, finding):
    spec = python_spec(tmp_path, "return [{'q': 1.5} for _ in rows]", [{"a": 1}], schema=declared)
    failure = failure_of(spec, tmp_path)
    assert failure.code == "builds.schema_contradiction"
    assert finding in failure.message


def test_random_model_is_not_deterministic(tmp_path):
    spec = python_spec(tmp_path, "return [random.random() for _ in rows]", [{"a": 1}], header="import random")
    result, _, _ = check(spec, tmp_path)
    assert (result["deterministic"], result["sample_output"]) == (False, None)


def test_nan_in_an_answer_makes_the_output_nullable(tmp_path):
    result, _, _ = check(python_spec(tmp_path, "return [float('nan') for _ in rows]", [{"a": 1}]), tmp_path)
    assert result["schema"]["outputs"][0]["nullable"] is True
    assert (result["sample_output"], result["deterministic"]) == ([{"prediction": None}], True)


DATES = """
import pandas as pd

class Model:
    def predict(self, rows: pd.DataFrame):
        return rows["seen"].{attribute}
"""


@pytest.mark.parametrize(("attribute", "kind"), [("dt.year", "date"), ("str[:4].astype(int)", "text")])
def test_dates_are_dates_unless_the_model_wants_text(tmp_path, attribute, kind):
    write_module(tmp_path / "files", DATES.format(attribute=attribute))
    spec = spec_of(tmp_path / "files", ENTRY, [{"seen": "2019-03-31"}])
    result, printed, code = check(spec, tmp_path)
    assert code == 0, printed
    assert result["schema"]["inputs"][0]["kind"] == kind
    assert result["sample_output"] == [{"seen": 2019}]


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (None, "neither a sample nor a declared schema"),
        ([], "empty list"),
        ([{"a": None}], 'no value for "a"'),
        ("text", "The sample is unusable"),
    ],
)
def test_unusable_sample_is_rejected(tmp_path, sample, words):
    failure = failure_of(python_spec(tmp_path, "return [1 for _ in rows]", sample), tmp_path)
    assert failure.code == "builds.sample_rejected"
    assert words in failure.message


def test_predict_that_raises_shows_the_authors_frames(tmp_path):
    failure = failure_of(python_spec(tmp_path, "return rows[0]['b']", [{"a": 1}]), tmp_path)
    assert (failure.code, failure.message) == ("builds.sample_rejected", "predict raised KeyError: 'b' on the sample.")
    assert 'File "model.py", line 4, in predict' in failure.details["traceback"]
    assert "modelyard_worker" not in failure.details["traceback"]


def test_answer_without_a_row_for_each_row_is_rejected(tmp_path):
    failure = failure_of(python_spec(tmp_path, "return [1, 2]", [{"a": 1}]), tmp_path)
    assert failure.code == "builds.sample_rejected"
    assert "answered 2 values" in failure.message


def test_failing_example_is_named_with_all_results(tmp_path):
    spec = python_spec(
        tmp_path,
        "return [{'p': row['a'] / 10} for row in rows]",
        [{"a": 1}],
        examples=[
            {"input": [{"a": 1}], "expect": {"p": 0.1}},
            {"input": [{"a": 1}, {"a": 3}], "expect": {"p": {"max": 0.2}}},
            {"input": [{"a": "x"}], "expect": {"p": 0.1}},
        ],
    )
    failure = failure_of(spec, tmp_path)
    assert failure.code == "builds.example_failed"
    assert failure.message == "examples[1]: rows[1].p: got 0.3, expected at most 0.2."
    assert [example["passed"] for example in failure.details["examples"]] == [True, False, False]
    assert "its input does not fit the schema" in failure.details["examples"][2]["message"]


@pytest.mark.parametrize(
    ("value", "wanted", "problem"),
    [
        ("a", "a", ""),
        ("a", "b", "got 'a', expected 'b'"),
        (0.3, 0.1 + 0.2, ""),
        (1, 1.0, ""),
        (True, 1, "got True, expected 1"),
        (None, None, ""),
        (None, {"min": 0}, "got None, expected a number"),
        (float("nan"), {"min": 0}, "got nan, expected a number"),
        (5, {"min": 1, "max": 5}, ""),
        (0.5, {"min": 1}, "got 0.5, expected at least 1"),
        (5, {"equals": 6}, "got 5, expected 6"),
        ("c", {"one_of": ["a", "b"]}, "got 'c', expected one of ['a', 'b']"),
        (5, {"maximum": 6}, "unknown bound 'maximum', expected min, max, equals or one_of"),
        (5, {}, "no bound is given"),
    ],
)
def test_unmet_says_how_a_value_misses(value, wanted, problem):
    assert unmet(value, wanted) == problem


def failure_of_tests(tmp_path, source, paths=("tests",)) -> CellJobFailure:
    spec = python_spec(tmp_path, "return [1 for _ in rows]", [{"a": 1}], tests={"paths": list(paths)})
    (tmp_path / "files" / "tests").mkdir()
    (tmp_path / "files" / "tests" / "test_it.py").write_text(source)
    failure = failure_of(spec, tmp_path)
    assert failure.code == "builds.tests_failed"
    return failure


def test_failing_test_is_named(tmp_path):
    failure = failure_of_tests(tmp_path, "def test_it(model):\n    assert 1 == 2\n\ndef test_good(): pass\n")
    assert failure.message.startswith("1 of 2 tests failed. tests/test_it.py::test_it: assert 1 == 2")
    assert (failure.details["tests"]["failed"], failure.details["tests"]["passed"]) == (1, 1)


def test_test_file_that_does_not_import_fails(tmp_path):
    assert "NameError" in failure_of_tests(tmp_path, "nonsense\n").message


def test_paths_without_tests_fail(tmp_path):
    assert failure_of_tests(tmp_path, "").message == "No tests were found in tests."


def test_absent_test_path_fails(tmp_path):
    assert "'spec' are not among the pushed files" in failure_of_tests(tmp_path, "", ["spec"]).message


def test_predict_slower_than_its_limit_is_a_timeout(tmp_path):
    body = "time.sleep(0.3); return [1 for _ in rows]"
    spec = python_spec(tmp_path, body, [{"a": 1}], header="import time", timeout_s=0.1)
    failure = failure_of(spec, tmp_path)
    assert failure.code == "builds.timeout"
    assert failure.message == "predict took 0.3 s over 1 sample rows; timeout_s is 0.1."


def test_check_that_never_ends_is_a_timeout(tmp_path):
    body = "\n        while True:\n            try: time.sleep(1)\n            except Exception: pass"
    spec = python_spec(tmp_path, body, [{"a": 1}], header="import time", check_timeout_s=1)
    assert failure_of(spec, tmp_path).code == "builds.timeout"


def test_author_code_that_exits_still_gives_an_answer(tmp_path):
    failure = failure_of(python_spec(tmp_path, "raise SystemExit(0)", [{"a": 1}]), tmp_path)
    assert (failure.code, failure.message) == ("builds.load_failed", "The check ended early: SystemExit: 0.")


def test_entry_point_problem_is_the_result(tmp_path):
    write_module(tmp_path / "files", "import features\n")
    failure = failure_of(spec_of(tmp_path / "files", ENTRY, [{"a": 1}]), tmp_path)
    assert failure.code == "builds.local_module"
    assert failure.details["file"] == "features.py"


def test_declared_outputs_replace_a_sample(tmp_path):
    declared = {
        "inputs": [{"name": "a", "datatype": "INT64"}],
        "outputs": [{"name": "prediction", "datatype": "INT64"}],
    }
    spec = python_spec(tmp_path, "return [row['a'] for row in rows]", None, schema=declared)
    spec["examples"] = [{"input": {"a": 3}, "expect": {"prediction": 3}}]
    result, _, code = check(spec, tmp_path)
    assert (code, result["deterministic"], result["sample_output"], result["predict_ms"]) == (0, None, None, None)
    del declared["outputs"]
    assert failure_of(spec, tmp_path).code == "builds.sample_rejected"
