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


FORBIDDEN = [
    ("src/modelyard/kernel/ids.py", "from modelyard.server.app import create_app", "import-order"),
    ("src/modelyard/node/verification.py", "import modelyard.identity", "import-order"),
    ("src/modelyard/cli/forbidden.py", "import modelyard.server.app", "import-order"),
    ("worker/src/modelyard_worker/schema.py", "import modelyard.kernel.errors", "import-order"),
    ("src/modelyard/kernel/errors.py", "import sqlalchemy", "third-party"),
    ("src/modelyard/server/app.py", "import pickle", "third-party"),
]


@pytest.fixture(scope="module")
def found_in_a_bad_copy(tmp_path_factory):
    """What the command line prints about a copy of the tree to which forbidden imports were added."""
    copy = tmp_path_factory.mktemp("tree")
    for folder in ("src", "worker"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "static"))
    for path, line, _ in FORBIDDEN:
        file = copy / path
        before = file.read_text() if file.exists() else ""
        file.write_text(f"{before}\n{line}\n")
    command = [sys.executable, "-m", "tools.lint", "--root", str(copy)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 1
    return answer.stdout.splitlines()


@pytest.mark.parametrize(("path", "line", "code"), FORBIDDEN)
def test_forbidden_import_added_to_a_copy_of_the_tree_is_found(found_in_a_bad_copy, path, line, code):
    number = len((ROOT / path).read_text().splitlines()) + 2 if (ROOT / path).exists() else 2
    assert any(found.startswith(f"{path}:{number} {code} ") for found in found_in_a_bad_copy), line
