"""Makes or refreshes the virtual environment that every `make` verb runs in. Standard library only, Python >= 3.11.

    python3 tools/setup.py {run|test} [COMMAND …]

`run` holds the server and what trains the example models; `test` adds the tools of tests, checks and benches. uv is
brought by pip into `.venv-boot`, checked against its hashes, unless the pinned uv is already on the path. Nothing is
done when the stamp in the environment matches the locks. A `run` never takes away what a `test` installed.
A command is then executed with pip's index and certificates handed on to uv, which the node uses for models.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import ssl
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / os.environ.get("VENV", ".venv")
BOOT = ROOT / ".venv-boot"
REQUIREMENTS = ROOT / "requirements"
STAMP = VENV / "modelyard-setup.json"
# What the processes of an installation, its command line and the example import.
PROGRAMS = (
    (
        "modelyard.server.__main__",
        "modelyard.server.serving",
        "modelyard.infra.jobs.engine",
        "alembic.operations",
        "alembic.script",
        "uvicorn.protocols.http.httptools_impl",
    ),
    (
        "modelyard.node.__main__",
        "modelyard.cli.up",
        "modelyard.cli.demo",
        "modelyard.sdk",
        "sklearn.pipeline",
        "skops.io",
        "pandas",
    ),
)
SETS = ("run", "test")
PYTHON_MIN = (3, 11)
PYTHON_MAX = (3, 14)  # the newest series for which every locked package has a wheel


class SetupError(Exception):
    """Something on this machine stops the set-up; the text says what and what to do next."""


def newest_python() -> str:
    """Path of the newest suitable interpreter on the path: `PYTHON` if given, else 3.14 down to 3.11, else ours."""
    named = os.environ.get("PYTHON")
    names = [named] if named else [f"python3.{minor}" for minor in range(PYTHON_MAX[1], PYTHON_MIN[1] - 1, -1)]
    for name in [*names, *([] if named else ["python3", sys.executable])]:
        found = interpreter(name)
        if found:
            return found
    wanted = f"{PYTHON_MIN[0]}.{PYTHON_MIN[1]} to {PYTHON_MAX[0]}.{PYTHON_MAX[1]}"
    raise SetupError(
        f"found no usable Python {wanted} (tried {', '.join(names)}; this one is {platform.python_version()}).\n"
        "Next: install one from your system's packages, or name one: make PYTHON=/path/to/python3.12 run"
    )


def interpreter(name: str) -> str | None:
    """The real path behind a name, or None when it does not start, is of another series or lacks a module we need."""
    path = shutil.which(name)
    if path is None:
        return None
    probe = "import sys, sqlite3, ssl; print(sys.version_info[0], sys.version_info[1], sys.executable)"
    answer = subprocess.run([path, "-c", probe], capture_output=True, text=True, check=False)
    if answer.returncode != 0:  # a version manager's shim for a Python that is switched off, or a crippled build
        return None
    major, minor, executable = answer.stdout.strip().split(" ", 2)
    return executable if PYTHON_MIN <= (int(major), int(minor)) <= PYTHON_MAX else None


def pinned_uv() -> str:
    for line in (REQUIREMENTS / "boot.txt").read_text().splitlines():
        if line.startswith("uv=="):
            return line.split("==")[1].split()[0]
    raise SetupError("requirements/boot.txt has no line `uv==VERSION`. Next: make lock")


def find_uv(python: str) -> str:
    """Path of the pinned uv: on the path, in `.venv-boot` from an earlier call, or brought there by pip."""
    version = pinned_uv()
    for candidate in (shutil.which("uv"), str(BOOT / "bin" / "uv")):
        if candidate and uv_version(candidate) == version:
            return candidate
    bring_uv(python)
    uv = str(BOOT / "bin" / "uv")
    if uv_version(uv) != version:
        raise SetupError(f"pip brought no uv {version} that starts here ({platform.platform()}).")
    return uv


def uv_version(path: str) -> str:
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    words = answer.stdout.split()
    return words[1] if answer.returncode == 0 and len(words) > 1 else ""


def bring_uv(python: str) -> None:
    """Some systems refuse a plain `pip install` (PEP 668), set `user = true`, or demand a virtual environment; a
    `--target` folder of our own touches nothing of theirs, so those three settings are overruled for this one call."""
    overrule = {
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PIP_USER": "0",
        "PIP_CONSTRAINT": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    arguments = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    arguments += ["--upgrade", "--target", str(BOOT), "--requirement", str(REQUIREMENTS / "boot.txt")]
    tried = []
    for candidate in dict.fromkeys([python, sys.executable, *filter(None, [interpreter("python3")])]):
        answer = subprocess.run(
            [candidate, *arguments], env={**os.environ, **overrule}, capture_output=True, text=True, check=False
        )
        if answer.returncode == 0:
            return
        tried.append(f"{candidate}: {(answer.stderr.strip() or 'no message').splitlines()[-1]}")
    raise SetupError(
        "could not bring uv by pip:\n  " + "\n  ".join(tried) + "\n"
        "Next: see that `python3 -m pip --version` works and pip reaches its index, or put uv "
        f"{pinned_uv()} on the path."
    )


def uv_environment(python: str) -> dict[str, str]:
    """uv reads none of pip's settings: hand it the index, folders and certificate that pip was told to use. Hashes
    make every index equal, so the best match may come from any of them."""
    environment = dict(os.environ)
    environment.pop("VIRTUAL_ENV", None)
    answer = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    settings: dict[str, str] = {}
    for line in answer.stdout.splitlines():
        key, separator, value = line.partition("=")
        if separator:
            settings[key.split(".")[-1]] = value.strip("'\"").replace("\\n", " ").strip()
    for name, variable in (
        ("index-url", "UV_DEFAULT_INDEX"),
        ("extra-index-url", "UV_INDEX"),
        ("find-links", "UV_FIND_LINKS"),
        ("cert", "SSL_CERT_FILE"),
    ):
        if settings.get(name):
            environment.setdefault(variable, settings[name])
    environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if has_system_certificates():  # as pip does: a company's own authority is in the system's store
        environment.setdefault("UV_SYSTEM_CERTS", "1")
    return environment


def has_system_certificates() -> bool:
    paths = ssl.get_default_verify_paths()
    return sys.platform == "darwin" or bool(paths.cafile) or any(Path(paths.capath or os.devnull).glob("*"))


def wanted_stamp(kind: str) -> dict[str, str]:
    lock = hashlib.sha256((REQUIREMENTS / f"{kind}.txt").read_bytes()).hexdigest()
    ours = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + (ROOT / "worker" / "pyproject.toml").read_bytes())
    return {"set": kind, "root": str(ROOT), "lock": lock, "ours": ours.hexdigest()}


def current_stamp() -> dict[str, str]:
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and (VENV / "bin" / "python").exists() else {}


def set_up(kind: str) -> bool:
    """Brings the environment to what the locks say; True if anything was done."""
    if current_stamp().get("set") == "test":
        kind = "test"
    wanted, current = wanted_stamp(kind), current_stamp()
    if current == wanted:
        return False
    python = newest_python()
    uv = find_uv(python)
    environment = uv_environment(python)

    def run_uv(*arguments: str) -> None:
        command = [uv, *arguments, "--quiet", "--no-progress"]
        answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise SetupError(f"`uv {' '.join(arguments)}` failed:\n{answer.stderr.strip()}")

    if interpreter(str(VENV / "bin" / "python")) is None:
        run_uv("venv", "--clear", "--python", python, "--prompt", "modelyard", str(VENV))
    target = ("--python", str(VENV / "bin" / "python"))
    STAMP.unlink(missing_ok=True)
    if {**current, "ours": ""} != {**wanted, "ours": ""}:  # a sync takes our own two away: only when the lock changed
        run_uv("pip", "sync", *target, "--require-hashes", "--only-binary", ":all:", str(REQUIREMENTS / f"{kind}.txt"))
    editable = ("--no-deps", "--no-build-isolation", "-e", str(ROOT), "-e", str(ROOT / "worker"))
    run_uv("pip", "install", *target, *editable)
    compile_imports(VENV / "bin" / "python")
    STAMP.write_text(json.dumps(wanted))
    return True


def compile_imports(python: Path) -> None:
    """Imports each program once, side by side, so that its bytecode is on disk before anybody waits for it.

    Compiling all that is installed takes minutes; a first start that has to compile takes ten times as long as a
    second. Failing here costs that time and nothing else.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    running = [
        subprocess.Popen(
            [str(python), "-c", f"import {', '.join(modules)}"],
            cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for modules in PROGRAMS
    ]  # fmt: skip
    for process in running:
        process.wait()


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in SETS:
        print(f"usage: python3 tools/setup.py {{{'|'.join(SETS)}}} [COMMAND …], got {' '.join(arguments) or 'nothing'}")
        return 2
    started = time.monotonic()
    with (ROOT / ".setup-lock").open("w") as lock:  # two verbs at once would tear the environment
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            changed = set_up(arguments[0])
        except SetupError as error:
            print(f"set-up: {error}", file=sys.stderr)
            return 1
    if arguments[0] == "run":
        took = f"{time.monotonic() - started:.0f} s" if changed else "ready"
        print(f"[1/6] install   {'uv, Envoy, server':<36}{took:>6}", flush=True)
    elif changed:
        print(f"set-up: environment ready in {time.monotonic() - started:.0f} s", flush=True)
    if arguments[1:]:
        os.execve(arguments[1], arguments[1:], uv_environment(sys.executable))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
