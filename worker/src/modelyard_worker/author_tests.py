"""Runs what an author says must hold: the manifest's examples, and pytest files, against the loaded model."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard_worker.failures import CheckFailure, Refused, describe, user_traceback
from modelyard_worker.outputs import json_rows
from modelyard_worker.rows import read_rows, split_body
from modelyard_worker.tables import Inputs, Table

OUTPUT_CHARACTERS_MAX = 16 * 1024
NO_TESTS_COLLECTED = 5

Answer = Callable[[Table], "dict[str, Any]"]


def run_examples(
    examples: Sequence[Mapping[str, Any]], inputs: Inputs, answer: Answer, files_dir: Path
) -> list[dict[str, Any]]:
    """`{index, passed, message}` for each example `{input: rows, expect: {column: value or bounds}}`."""
    results = []
    for index, example in enumerate(examples):
        message = _example_problem(example, inputs, answer, files_dir)
        results.append({"index": index, "passed": not message, "message": message})
    return results


def _example_problem(example: Mapping[str, Any], inputs: Inputs, answer: Answer, files_dir: Path) -> str:
    """What is wrong with the answer to one example; "" when nothing is."""
    try:
        rows, _ = split_body(example.get("input"), inputs)
        answered = json_rows(answer(read_rows(rows, inputs)))
    except Refused as error:
        return f"its input does not fit the schema: {error}"
    except Exception as error:
        print(user_traceback(error, files_dir), flush=True)
        return f"predict raised {describe(error)}"
    expect = example.get("expect") or {}
    for name, wanted in expect.items():
        for place, row in enumerate(answered):
            if name not in row:
                return f'there is no output "{name}", only {", ".join(row)}'
            problem = unmet(row[name], wanted)
            if problem:
                return f"{name}: {problem}" if len(answered) == 1 else f"rows[{place}].{name}: {problem}"
    return ""


def unmet(value: Any, wanted: Any) -> str:
    """How a value misses what is wanted of it: a plain value, or any of `min`, `max`, `equals`, `one_of`."""
    if not isinstance(wanted, Mapping):
        return "" if _same(value, wanted) else f"got {value!r}, expected {wanted!r}"
    unknown = [name for name in wanted if name not in ("min", "max", "equals", "one_of")]
    if unknown or not wanted:
        return f"unknown bound {unknown[0]!r}, expected min, max, equals or one_of" if unknown else "no bound is given"
    if "equals" in wanted and not _same(value, wanted["equals"]):
        return f"got {value!r}, expected {wanted['equals']!r}"
    if "one_of" in wanted and not any(_same(value, item) for item in wanted["one_of"]):
        return f"got {value!r}, expected one of {wanted['one_of']!r}"
    if "min" in wanted or "max" in wanted:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            return f"got {value!r}, expected a number"
        if "min" in wanted and value < wanted["min"]:
            return f"got {value!r}, expected at least {wanted['min']!r}"
        if "max" in wanted and value > wanted["max"]:
            return f"got {value!r}, expected at most {wanted['max']!r}"
    return ""


def _same(value: Any, wanted: Any) -> bool:
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (value, wanted))
    if numbers:
        return math.isclose(value, wanted, rel_tol=1e-6, abs_tol=1e-9)
    return type(value) is type(wanted) and bool(value == wanted)


def run_tests(
    paths: Sequence[str], files_dir: Path, inputs: Inputs, answer: Answer, sample: Table | None
) -> dict[str, Any]:
    """`{passed, failed, skipped, output}` of the author's pytest files. Raises CheckFailure `builds.tests_failed`."""
    if importlib.util.find_spec("pytest") is None:
        raise CheckFailure(
            "builds.tests_failed",
            "The manifest names tests, but pytest is not available to run them.",
            "Add pytest to the dependencies.",
        )
    absent = [path for path in paths if not (files_dir / path).exists()]
    if absent:
        raise CheckFailure(
            "builds.tests_failed",
            f"The tests {absent[0]!r} are not among the pushed files.",
            "Correct [tests] paths in modelyard.toml.",
        )
    import pytest

    from modelyard_worker.pytest_plugin import CheckPlugin, ModelUnderTest

    plugin = CheckPlugin(ModelUnderTest(inputs, answer), sample)
    configuration = files_dir / "pytest.ini"
    arguments = [
        *(str(files_dir / path) for path in paths),
        *("-q", "--no-header", "--tb=short", "--color=no", "-p", "no:cacheprovider"),
        *("--rootdir", str(files_dir), "-c", str(configuration) if configuration.is_file() else os.devnull),
        # Without it pytest lists every folder above too, which a cell may pass through but not read.
        *("--confcutdir", str(files_dir)),
    ]
    copy = _Copy(sys.stdout)
    with contextlib.redirect_stdout(copy):
        status = int(pytest.main(arguments, plugins=[plugin]))
    output = copy.getvalue()[-OUTPUT_CHARACTERS_MAX:]
    counts = {"passed": plugin.passed, "failed": plugin.failed, "skipped": plugin.skipped, "output": output}
    if status != 0:
        total = plugin.passed + plugin.failed
        message = f"{plugin.failed} of {total} tests failed. {plugin.first_failure}."
        if status == NO_TESTS_COLLECTED:
            message = f"No tests were found in {', '.join(paths)}."
        elif not plugin.failed:
            message = f"pytest ended with status {status}."
        raise CheckFailure(
            "builds.tests_failed", message, "Run `modelyard test` to see the same on your machine.", {"tests": counts}
        )
    return counts


class _Copy(io.StringIO):
    """Keeps what is written, and passes it on at once, so that the build's log is live."""

    def __init__(self, onward: Any) -> None:
        super().__init__()
        self._onward = onward

    def write(self, text: str) -> int:
        self._onward.write(text)
        self._onward.flush()
        return super().write(text)
