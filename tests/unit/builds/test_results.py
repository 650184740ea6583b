"""A cell's word is checked before it is believed."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.builds.cells.errors import ResultInvalid
from modelyard.builds.cells.results import read_check, read_lock, read_materialize

PACKAGE = {"name": "numpy", "version": "2.0.0"}
HASH = "    --hash=sha256:" + "a" * 64
GOOD_LOCK = f"numpy==2.0.0 ; python_version >= '3.11' \\\n{HASH} \\\n{HASH}\n# via\n"
COLUMN = {"name": "a", "datatype": "FP64", "shape": [], "nullable": False, "kind": "number", "categories": []}


def check(**changes: Any) -> dict[str, Any]:
    schema = {"inputs": [COLUMN], "outputs": [COLUMN], "key": "", "layout": "frame"}
    return {"schema": schema, "preload": [], "examples": [], "tests": {}, "load_s": 0.1, **changes}


def test_good_lock_is_read() -> None:
    assert read_lock({"lock": GOOD_LOCK, "packages": [PACKAGE]}).packages == (PACKAGE,)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://evil.example",
        "-e .",
        "evil @ https://evil.example/x.whl",
        "numpy>=2",
        "$(rm -rf /)",
        "../x",
        "--hash=md5:abc",
        "numpy==2.0.0 --hash=sha256:zz",
    ],
)
def test_lock_with_anything_but_pins_is_refused(line: str) -> None:
    with pytest.raises(ResultInvalid, match="pins no package"):
        read_lock({"lock": GOOD_LOCK + line + "\n", "packages": [PACKAGE]})


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"lock": 3, "packages": []},
        {"lock": "", "packages": [{}]},
        {"lock": "", "packages": [PACKAGE] * 6000},
    ],
)
def test_malformed_lock_is_refused(value: Any) -> None:
    with pytest.raises(ResultInvalid):
        read_lock(value)


@pytest.mark.parametrize(
    "changes",
    [{"environment_digest": "x"}, {"size_bytes": -1}, {"size_bytes": True}, {"reused": 1}, {"packages": [PACKAGE]}],
)
def test_malformed_environment_is_refused(changes: dict[str, Any]) -> None:
    good = {"environment_digest": "sha256:" + "0" * 64, "size_bytes": 1, "reused": False, "packages": []}
    assert read_materialize(good).size_bytes == 1
    with pytest.raises(ResultInvalid):
        read_materialize({**good, **changes})


@pytest.mark.parametrize(
    "column",
    [
        {"name": ""},
        {"name": "x" * 201},
        {"name": 3},
        {"datatype": "OBJECT"},
        {"datatype": []},
        {"shape": [1.5]},
        {"shape": [2**40]},
        {"nullable": "no"},
        {"kind": "secret"},
        {"kind": []},
        {"categories": [1]},
        {"categories": ["a"] * 10_001},
    ],
)
def test_malformed_column_is_refused(column: dict[str, Any]) -> None:
    schema = {"inputs": [{**COLUMN, **column}], "outputs": [COLUMN]}
    with pytest.raises(ResultInvalid):
        read_check(check(schema=schema))


@pytest.mark.parametrize("load_s", [float("inf"), float("nan"), -1, "1", True])
def test_impossible_number_is_refused(load_s: Any) -> None:
    with pytest.raises(ResultInvalid):
        read_check(check(load_s=load_s))


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(ResultInvalid, match="same name"):
        read_check(check(schema={"inputs": [COLUMN, COLUMN], "outputs": [COLUMN]}))


def test_sample_output_too_large_to_keep_is_left_out() -> None:
    assert read_check(check(sample_output=[{"x": "y" * 2_000_000}])).sample_output is None
