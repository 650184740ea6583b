"""`test`, `serve`: the build's checks and the real worker, here and offline, in the current interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.options import Command
from modelyard.cli.output import Cli, note, pass_cli, right_aligned, seconds

if TYPE_CHECKING:
    from modelyard.sdk.folders import Folder

WATCH_EVERY_S = 0.3
STOP_GRACE_S = 5.0
# -P: without it Python would find modules of the folder we stand in, which a build never sees.
WORKER = [sys.executable, "-P", "-m", "modelyard_worker"]


@click.command("test", cls=Command)
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option("-v", "--verbose", is_flag=True, help="Show what the checks print.")
@pass_cli
def test_command(cli: Cli, directory: Path, verbose: bool) -> None:
    """Run the build's checks here, offline: load, schema, examples, tests. Only what a push would send is there."""
    from modelyard.cli.workbench import staged, worker_spec

    started = time.monotonic()
    with staged(directory) as (folder, files_dir):
        spec = files_dir.parent / "spec.json"
        spec.write_text(json.dumps(worker_spec(folder, files_dir)))
        out = files_dir.parent / "out"
        shown = None if verbose else subprocess.PIPE
        answer = subprocess.run(
            [*WORKER, "check", "--spec", str(spec), "--out", str(out)],
            stdout=shown, stderr=subprocess.STDOUT if shown else None, stdin=subprocess.DEVNULL, text=True, check=False,
        )  # fmt: skip
        found = _read_result(out / "result.json", answer.returncode, answer.stdout or "")
    failure = found.get("failure")
    if failure:
        raise _failed(failure, answer.stdout or "" if not verbose else "")
    cli.show(found, right_aligned(describe_checks(found), seconds(time.monotonic() - started)))


@click.command("serve", cls=Command)
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option("--port", type=click.IntRange(0, 65535), default=8900, show_default=True, help="On loopback; 0: any.")
@click.option("--reload", is_flag=True, help="Start again when a file changes.")
@pass_cli
def serve_command(cli: Cli, directory: Path, port: int, reload: bool) -> None:
    """Answer predictions here, offline, with the real worker, until Ctrl-C."""
    from modelyard.cli.workbench import staged, worker_spec
    from modelyard.contracts.manifest import ManifestError
    from modelyard.sdk.errors import BuildFailed, ModelyardError

    while True:
        seen = _fingerprint(directory)
        try:
            with staged(directory) as (folder, files_dir):
                spec = files_dir.parent / "spec.json"
                spec.write_text(json.dumps(worker_spec(folder, files_dir)))
                _greet(cli, folder, port)
                status = _run_until_changed(
                    [*WORKER, "serve", "--spec", str(spec), "--port", str(port)], directory, reload
                )
        except (ModelyardError, ManifestError) as problem:
            if not reload:
                raise
            from modelyard.cli.output import report_error

            report_error(problem)
            status = 1
        if not reload:
            if status not in (0, -2, -15):
                raise BuildFailed(f"the worker ended with status {status}.", code="serve.ended", hint="modelyard test")
            return
        while _fingerprint(directory) == seen:
            time.sleep(WATCH_EVERY_S)
        note("changed; starting again")


def describe_checks(found: dict[str, Any]) -> str:
    """`schema 30 → 2 ✓  examples 1/1 ✓  pytest 3/3 ✓`"""
    schema = found["schema"]
    parts = [f"schema {len(schema['inputs'])} → {len(schema['outputs'])} ✓"]
    examples = found.get("examples") or []
    if examples:
        parts.append(f"examples {sum(bool(e['passed']) for e in examples)}/{len(examples)} ✓")
    tests = found.get("tests") or {}
    ran = tests.get("passed", 0) + tests.get("failed", 0)
    if ran:
        parts.append(f"pytest {tests['passed']}/{ran} ✓")
    return "  ".join(parts)


def _read_result(path: Path, status: int, output: str) -> dict[str, Any]:
    from modelyard.sdk.errors import BuildFailed

    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        raise BuildFailed(
            f"{output.strip()[-4000:]}\nthe check ended with status {status} and said nothing.".strip(),
            code="builds.check_crashed",
            hint="modelyard test -v shows what it printed",
        ) from None
    return found


def _failed(failure: dict[str, Any], output: str) -> Exception:
    from modelyard.sdk.errors import BuildFailed

    details = failure.get("details") or {}
    trace = str(details.get("traceback") or (details.get("tests") or {}).get("output") or "").strip()
    if trace:
        note(trace)
    elif output.strip():
        note(output.strip()[-4000:])
    return BuildFailed(failure["message"], code=failure["code"], hint=failure.get("hint", ""))


def _greet(cli: Cli, folder: Folder, port: int) -> None:
    sample = folder.manifest.schema.sample
    where = f"http://127.0.0.1:{port}/v2/models/{folder.manifest.model.name}/predict"
    if port and not cli.as_json:
        note(f"curl -s --json @{sample or 'row.json'} {where}")


def _run_until_changed(command: list[str], directory: Path, reload: bool) -> int:
    """The worker's exit status; with `reload` it is stopped at a change of any file."""
    seen = _fingerprint(directory)
    worker = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        while True:
            try:
                return worker.wait(WATCH_EVERY_S if reload else None)
            except subprocess.TimeoutExpired:
                if _fingerprint(directory) != seen:
                    return 0
    finally:
        if worker.poll() is None:
            worker.terminate()
            try:
                worker.wait(STOP_GRACE_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _fingerprint(directory: Path) -> tuple[tuple[str, int, int], ...]:
    """Path, time and size of every file that is not hidden."""
    found = []
    for path in sorted(directory.rglob("*")):
        relative = path.relative_to(directory)
        if any(part.startswith(".") or part == "__pycache__" for part in relative.parts):
            continue
        try:
            state = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file():
            found.append((str(relative), state.st_mtime_ns, state.st_size))
    return tuple(found)
