"""`up` → ready, in a fresh home and in one that exists."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bench.installation import Installation
from bench.report import Report

RUNS = 5


def main() -> None:
    report = Report("launch")
    fresh, again = [], []
    for _ in range(RUNS):
        folder = Path(tempfile.mkdtemp(prefix="modelyard-bench-"))
        folder.chmod(0o711)
        made = Installation(folder)
        try:
            fresh.append(made.up())
            made.down()
            again.append(made.up())
        finally:
            made.down()
            shutil.rmtree(folder, ignore_errors=True)
    report.add("up → ready, fresh home", "s", fresh, 3.0)
    report.add("up → ready, existing home", "s", again, 3.0)
    report.keep()
