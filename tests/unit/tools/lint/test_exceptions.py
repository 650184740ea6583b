"""Opting out: on the line with a reason, or by the list that may only shrink."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.lint.checking import RULES, check_tree, read_exceptions, read_order
from tools.lint.source import Source, Tree

EXCUSED_FILES_MAX = 0  # lower it whenever a file leaves tools/lint/exceptions.toml; never raise it
ROOT = Path(__file__).resolve().parents[4]
PATH = "src/modelyard/cli/up.py"


def findings(text, exceptions=None):
    return check_tree(Tree((Source(PATH, "modelyard.cli.up", text),), read_order()), exceptions or {})


def test_exceptions_only_shrink():
    assert sum(len(paths) for paths in read_exceptions().values()) <= EXCUSED_FILES_MAX


def test_exceptions_name_rules_and_files_that_exist():
    for code, paths in read_exceptions().items():
        assert code in RULES
        assert all((ROOT / path).is_file() for path in paths)


def test_line_with_reason_is_skipped():
    assert findings("x = os.environ  # lint-skip: environment handed to the child as it is\n") == []


@pytest.mark.parametrize("mark", ["environment", "nonsense because", ""])
def test_mark_without_reason_or_rule_skips_nothing_and_is_found(mark):
    codes = [finding.code for finding in findings(f"x = os.environ  # lint-skip: {mark}\n")]
    assert sorted(codes) == ["environment", "lint-skip"]


def test_mark_for_another_rule_skips_nothing():
    assert [f.code for f in findings("x = os.environ  # lint-skip: size it is long\n")] == ["environment"]


def test_listed_file_is_excused_from_that_rule_only():
    text = "x = os.environ\nclass UpManager: ...\n"
    assert [f.code for f in findings(text, {"environment": [PATH]})] == ["banned-name"]


def test_file_that_does_not_parse_is_a_finding():
    assert [f.code for f in findings("def f(:\n")] == ["syntax"]


def test_every_rule_has_its_file_and_its_test():
    rules = {path.stem for path in (ROOT / "tools/lint/rules").glob("*.py")} - {"__init__"}
    tests = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")} - {"exceptions"}
    assert {code.replace("-", "_") for code in RULES} == rules == tests
