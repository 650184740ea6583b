"""The check of a build: does it load, predict, fit its schema, pass its examples and tests? Answers with data.

Runs inside a cell. What it prints becomes the build's live log; what it concludes is in `result.json`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import sysconfig
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from modelyard_worker.author_tests import run_examples, run_tests
from modelyard_worker.failures import CheckFailure, Refused, describe, user_traceback
from modelyard_worker.jsontext import dumps, loads
from modelyard_worker.outputs import UnusableAnswer, json_rows, output_columns
from modelyard_worker.rows import read_rows, split_body
from modelyard_worker.runtimes import LoadRequest, Model, load_model
from modelyard_worker.schema import (
    Column,
    ModelSchema,
    check_contradiction,
    infer_inputs,
    infer_outputs,
    schema_from_json,
)
from modelyard_worker.tables import Inputs, Table

RESULT_FILE = "result.json"
CHECK_TIMEOUT_S = 540.0
PRELOAD_MAX = 400


class _OutOfTime(BaseException):
    """Not an Exception, so that author code which catches everything does not swallow it."""


@dataclass(frozen=True, slots=True)
class _Sampled:
    """The sample through the model: `columns` of the first call, and how the second compared."""

    inputs: Inputs
    table: Table
    columns: dict[str, Any]
    rows: list[dict[str, Any]]
    deterministic: bool
    predict_ms: float


def main(spec: Mapping[str, Any], out_dir: Path) -> int:
    """Checks and writes `out_dir/result.json`: the result, or `{"failure": ...}`. 0 when all is well, else 1.

    Spec: files_dir, entry, sample (rows or null), schema (or null), key, layout, examples, tests {paths}, timeout_s
    of one call, check_timeout_s of everything, author_modules.
    """
    started = time.perf_counter()
    _set_alarm(float(spec.get("check_timeout_s") or CHECK_TIMEOUT_S))
    files_dir = Path(spec["files_dir"])
    result: dict[str, Any]
    try:
        result = _check(spec, files_dir)
        print(f"checked in {time.perf_counter() - started:.1f} s", flush=True)
    except CheckFailure as failure:
        result = {"failure": failure.to_json()}
    except _OutOfTime:
        hint = "Load less, or raise the build's time limit."
        result = {"failure": CheckFailure("builds.timeout", "The check ran out of time.", hint).to_json()}
    except MemoryError:
        hint = "Raise memory_mib in [resources]."
        result = {"failure": CheckFailure("builds.load_failed", "The model needs more memory.", hint).to_json()}
    except BaseException as error:  # author code may call exit(); the build still deserves an answer
        details = {"traceback": user_traceback(error, files_dir)}
        message = f"The check ended early: {describe(error)}."
        result = {"failure": CheckFailure("builds.load_failed", message, "", details).to_json()}
    finally:
        _clear_alarm()
    failure_json = result.get("failure")
    if failure_json:
        print(f"✗ {failure_json['message']}", flush=True)
        print(failure_json["details"].get("traceback", ""), flush=True)
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / RESULT_FILE).write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
    return 1 if failure_json else 0


def _check(spec: Mapping[str, Any], files_dir: Path) -> dict[str, Any]:
    declared = schema_from_json(spec["schema"]) if spec.get("schema") else None
    key = str(spec.get("key") or (declared.key if declared else ""))
    sample = _sample_rows(spec.get("sample"), key)
    columns = _input_columns(declared, sample, key)
    inputs = Inputs(columns, key)
    wanted_layout = str(spec.get("layout") or (declared.layout if declared and spec["schema"].get("layout") else ""))
    author_modules = spec.get("author_modules")
    request = LoadRequest(
        spec["entry"], files_dir, inputs, wanted_layout, tuple(author_modules) if author_modules is not None else None
    )
    started = time.perf_counter()
    model = load_model(request)
    load_s = time.perf_counter() - started
    print(f"load ✓ {load_s:.2f} s", flush=True)
    declared_outputs = declared.outputs if declared else ()
    sampled = _predict_sample(sample, inputs, model, declared, files_dir) if sample is not None else None
    if sampled is None and not declared_outputs:
        raise CheckFailure(
            "builds.sample_rejected",
            "There is neither a sample nor declared outputs, so what the model answers is unknown.",
            'Write one row into row.json and set sample = "row.json" in [schema].',
        )
    if sampled is not None:
        inputs = sampled.inputs
        timeout_s = float(spec.get("timeout_s") or 0.0)
        _check_speed(sampled, timeout_s)
    outputs = _outputs(declared_outputs, sampled)
    schema = ModelSchema(inputs.columns, outputs, key, model.layout)
    print(f"schema {len(schema.inputs)} → {len(schema.outputs)} ✓", flush=True)
    preload = preload_modules(files_dir)

    def answer(table: Table) -> dict[str, Any]:
        return output_columns(model.predict(table), table.row_count, outputs)

    examples = run_examples(spec.get("examples") or (), inputs, answer, files_dir)
    _report_examples(examples)
    paths = (spec.get("tests") or {}).get("paths") or ()
    tests: dict[str, Any] = {"passed": 0, "failed": 0, "skipped": 0, "output": ""}
    if paths:
        tests = run_tests(paths, files_dir, inputs, answer, sampled.table if sampled else None)
        print(f"pytest {tests['passed']}/{tests['passed'] + tests['failed']} ✓", flush=True)
    return {
        "schema": schema.to_json(),
        "preload": preload,
        "deterministic": sampled.deterministic if sampled else None,
        "sample_output": sampled.rows if sampled and sampled.deterministic else None,
        "examples": examples,
        "tests": tests,
        "load_s": round(load_s, 4),
        "predict_ms": round(sampled.predict_ms, 4) if sampled else None,
    }


def _sample_rows(sample: Any, key: str) -> list[Any] | None:
    if sample is None:
        return None
    try:
        rows, _ = split_body(sample, Inputs((), key))
    except Refused as error:
        hint = 'Write rows such as [{"age": 41}] into the sample file.'
        raise CheckFailure("builds.sample_rejected", f"The sample is unusable: {error}.", hint) from error
    return rows


def _input_columns(declared: ModelSchema | None, sample: list[Any] | None, key: str) -> tuple[Column, ...]:
    if declared is None or not declared.inputs:
        if sample is None:
            raise CheckFailure(
                "builds.sample_rejected",
                "There is neither a sample nor a declared schema.",
                'Write one row into row.json and set sample = "row.json" in [schema].',
            )
        return infer_inputs(sample, key)
    if sample is not None:
        check_contradiction(declared.inputs, _seen_columns(declared, sample, key), "inputs")
    return declared.inputs


def _seen_columns(declared: ModelSchema, sample: list[Any], key: str) -> tuple[Column, ...]:
    """Inferred columns; one that the sample leaves empty or out is taken as declared, where it may be null."""
    nullable = {column.name: column for column in declared.inputs if column.nullable}
    given = {
        name
        for row in sample
        if isinstance(row, dict)
        for name, value in row.items()
        if value is not None or name not in nullable
    }
    rows = [{name: row[name] for name in row if name in given} if isinstance(row, dict) else row for row in sample]
    return (*infer_inputs(rows, key), *(column for name, column in nullable.items() if name not in given))


def _predict_sample(
    sample: list[Any], inputs: Inputs, model: Model, declared: ModelSchema | None, files_dir: Path
) -> _Sampled:
    try:
        return _predict_twice(sample, inputs, model, declared)
    except (Refused, UnusableAnswer) as error:
        hint = "Correct the sample, or [schema]."
        raise CheckFailure("builds.sample_rejected", f"The sample does not work: {error}.", hint) from error
    except Exception as error:
        as_text = _dates_as_text(inputs)
        if as_text is not None and not (declared and declared.inputs):
            # Text that looks like dates may be what the model was trained on: dates are only our guess.
            try:
                return _predict_twice(sample, as_text, model, declared)
            except Exception:
                print("tried the sample's dates as text too", flush=True)
        raise CheckFailure(
            "builds.sample_rejected",
            f"predict raised {describe(error)} on the sample.",
            f"The model got the sample as {model.layout}. Correct the sample, or predict.",
            {"traceback": user_traceback(error, files_dir)},
        ) from error


def _dates_as_text(inputs: Inputs) -> Inputs | None:
    if not any(column.kind == "date" for column in inputs.columns):
        return None
    return Inputs([replace(c, kind="text") if c.kind == "date" else c for c in inputs.columns], inputs.key)


def _predict_twice(sample: list[Any], inputs: Inputs, model: Model, declared: ModelSchema | None) -> _Sampled:
    declared_outputs = declared.outputs if declared else ()
    table = read_rows(sample, inputs)
    columns = output_columns(model.predict(table), table.row_count, declared_outputs)
    rows = loads(dumps(json_rows(columns)))
    started = time.perf_counter()
    again = output_columns(model.predict(read_rows(sample, inputs)), table.row_count, declared_outputs)
    predict_ms = (time.perf_counter() - started) * 1000
    deterministic = bool(dumps(json_rows(again)) == dumps(json_rows(columns)))
    print(f"predict ✓ {predict_ms:.1f} ms" + ("" if deterministic else ", not deterministic"), flush=True)
    return _Sampled(inputs, table, columns, rows, deterministic, predict_ms)


def _check_speed(sampled: _Sampled, timeout_s: float) -> None:
    if timeout_s and sampled.predict_ms > timeout_s * 1000:
        raise CheckFailure(
            "builds.timeout",
            f"predict took {sampled.predict_ms / 1000:.1f} s over {sampled.table.row_count} sample rows; "
            f"timeout_s is {timeout_s:g}.",
            "Raise timeout_s in [resources], or make predict faster.",
        )


def _outputs(declared: tuple[Column, ...], sampled: _Sampled | None) -> tuple[Column, ...]:
    if sampled is None:
        return declared
    inferred = infer_outputs(sampled.columns)
    if not declared:
        return inferred
    check_contradiction(declared, inferred, "outputs")
    return declared


def _report_examples(examples: list[dict[str, Any]]) -> None:
    """Raises CheckFailure `builds.example_failed` for the first that failed."""
    if not examples:
        return
    failed = [example for example in examples if not example["passed"]]
    print(f"examples {len(examples) - len(failed)}/{len(examples)} {'✗' if failed else '✓'}", flush=True)
    if failed:
        raise CheckFailure(
            "builds.example_failed",
            f"examples[{failed[0]['index']}]: {failed[0]['message']}.",
            "Correct the model, or the example in modelyard.toml.",
            {"examples": examples},
        )


def preload_modules(files_dir: Path) -> list[str]:
    """Third-party modules that loading and predicting imported, at most two names deep: what a zygote should have."""
    places = tuple({f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib")})
    names = []
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None) or ""
        parts = name.split(".")
        public = len(parts) <= 2 and not any(part.startswith("_") for part in parts)
        ours = parts[0] in ("modelyard_worker", "pytest") or path.startswith(f"{files_dir}{os.sep}")
        if public and not ours and path.startswith(places):
            names.append(name)
    return sorted(names, key=lambda name: (name.count("."), name))[:PRELOAD_MAX]


def _set_alarm(seconds: float) -> None:
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGALRM, _ring)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _clear_alarm() -> None:
    if threading.current_thread() is threading.main_thread():
        signal.setitimer(signal.ITIMER_REAL, 0)


def _ring(_signal: int, _frame: FrameType | None) -> None:
    raise _OutOfTime
