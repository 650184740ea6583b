"""The tree keeps the rules of tools/lint, and the rules bite when it does not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tools.lint.checking import RULES, check

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def findings():
    return check(ROOT)


@pytest.mark.parametrize("code", [*RULES, "lint-skip"])
def test_tree_keeps_the_rule(findings, code):
    assert [str(finding) for finding in findings if finding.code == code] == []


@pytest.mark.parametrize(
    ("path", "line", "code"),
    [
        ("src/modelyard/kernel/ids.py", "from modelyard.server.app import create_app", "import-order"),
        ("src/modelyard/node/verification.py", "import modelyard.identity", "import-order"),
        ("src/modelyard/cli/forbidden.py", "import modelyard.server.app", "import-order"),
        ("worker/src/modelyard_worker/schema.py", "import modelyard.kernel.errors", "import-order"),
        ("src/modelyard/kernel/errors.py", "import sqlalchemy", "third-party"),
        ("src/modelyard/server/app.py", "import pickle", "third-party"),
    ],
)
def test_forbidden_import_added_to_a_copy_of_the_tree_fails_the_check(tmp_path, path, line, code):
    for folder in ("src", "worker"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "static"))
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_text() if file.exists() else ""
    file.write_text(f"{before}\n{line}\n")
    command = [sys.executable, "-m", "tools.lint", "--root", str(tmp_path)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 1
    assert any(found.startswith(path) and f" {code} " in found for found in answer.stdout.splitlines())
