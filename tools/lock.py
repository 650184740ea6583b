"""Writes requirements/*.txt from pyproject.toml: every package with its hashes, no index named.

    python tools/lock.py [--upgrade | --upgrade-package NAME ...]

`boot.txt` is the uv that sets everything up, `run.txt` what `make run` needs, `test.txt` the same and the tools.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
UV = Path(sys.executable).with_name("uv")
RUN = ["pyproject.toml", "--extra", "server", "--group", "examples", "--group", "build"]
TEST = [*RUN, "--group", "test", "--group", "bench", "--constraint", "requirements/run.txt"]
FLAGS = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header"]
FLAGS += ["--no-emit-package", "modelyard-worker", "--no-annotate", "--only-binary", ":all:", "--quiet"]
FLAGS += ["--python-version", "3.11"]


def compile_lock(name: str, sources: list[str], arguments: list[str]) -> None:
    target = REQUIREMENTS / f"{name}.txt"
    command = [str(UV), "pip", "compile", *FLAGS, *sources, "-o", str(target.relative_to(ROOT)), *arguments]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    lines = [line for line in target.read_text().splitlines() if not line.startswith(("--index", "--extra", "-i "))]
    target.write_text("\n".join(lines) + "\n")
    packages = sum(1 for line in lines if "==" in line and not line.startswith(" "))
    print(f"requirements/{name}.txt  {packages} packages")


def main() -> int:
    arguments = sys.argv[1:]
    with tempfile.NamedTemporaryFile("w", suffix=".in") as boot:
        boot.write(f"uv=={version('uv')}\n")
        boot.flush()
        compile_lock("boot", [boot.name], [])
    compile_lock("run", RUN, arguments)
    compile_lock("test", TEST, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
