"""`python -m tools.lint [--root DIR]`: prints findings, exits 1 if there are any."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

from tools.lint.checking import check

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.lint", description="Holds the rules of the architecture.")
    parser.add_argument("--root", type=Path, default=ROOT, help="repository to look at")
    root = parser.parse_args().root
    gc.disable()  # millions of syntax nodes that all live to the end: collecting would double the time
    findings = check(root)
    for finding in findings:
        print(finding)
    if findings:
        print(f"{len(findings)} findings. Opt out on a line with `# lint-skip: code reason`.", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
