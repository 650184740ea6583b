"""`push`, `builds`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.options import Command, Group
from modelyard.cli.output import Cli, note, pass_cli, right_aligned, seconds, short_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelyard.sdk.results import Build

BAR_FROM_BYTES = 8 * 1024 * 1024


@click.command("push", cls=Command)
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option("--git", "git_url", metavar="URL", help="Build a commit of a Git repository instead of a folder.")
@click.option("--commit", default="", help="Which commit, with --git.")
@click.option("--directory", "git_directory", default="", help="Folder in the repository, with --git.")
@click.option("--no-wait", is_flag=True, help="Return when the build has been queued.")
@pass_cli
def push_command(
    cli: Cli, directory: Path, git_url: str | None, commit: str, git_directory: str, no_wait: bool
) -> None:
    """Upload the folder (default: here) and build a version of it: lock, load, tests, bill of materials."""
    from modelyard.sdk.folders import read_folder
    from modelyard.sdk.git_state import find_git_state
    from modelyard.sdk.pushing import push_folder

    started = time.monotonic()
    if git_url is not None:
        if not commit:
            raise click.UsageError("--git needs --commit: a branch may move while it is built.")
        client = cli.client()
        source = {"kind": "git", "url": git_url, "commit": commit, "directory": git_directory}
        build = client.builds.start(client.project, source)
    else:
        folder = read_folder(directory)
        client = cli.client()
        with upload_bar(cli) as on_progress:
            build = push_folder(client, folder, find_git_state(directory), on_progress=on_progress)
    if no_wait:
        cli.show(build.document, f"Build {build.number} is queued: modelyard builds log {build.number}")
        return
    steps = StepLine(silent=cli.as_json)
    try:
        build = client.builds.wait(build.number, steps.on_event)
    finally:
        steps.end()
    cli.show(build.document, describe_build(build, time.monotonic() - started))


@click.group("builds", cls=Group)
@click.pass_context
def builds_command(ctx: click.Context) -> None:
    """List builds; show, log, cancel, retry."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_builds)


@builds_command.command("list")
@pass_cli
def list_builds(cli: Cli) -> None:
    """The project's builds, newest first."""
    client = cli.client()
    builds = list(client.builds.list_builds(client.project))
    rows = [
        (b.number, b.model, b.version, b.state, str(b.document.get("created_at", ""))[:16].replace("T", " "))
        for b in builds
    ]
    headers = ("number", "model", "version", "state", "started")
    cli.show_list([b.document for b in builds], headers, rows, "No builds yet: modelyard push")


@builds_command.command("show")
@click.argument("number", type=int)
@pass_cli
def show_build(cli: Cli, number: int) -> None:
    """A build's state, steps and result."""
    build = cli.client().builds.get_build(number)
    failure = build.document.get("error") or {}
    text = f"Build {number}: {build.project}/{build.model} {build.version} {build.state}"
    if failure:
        text += f"\n{failure.get('detail', '')}\nNext: {failure.get('hint', '')}        {failure.get('code', '')}"
    cli.show(build.document, text)


@builds_command.command("log")
@click.argument("number", type=int)
@pass_cli
def log_build(cli: Cli, number: int) -> None:
    """A build's log; follows it until it ends."""
    for event, data in cli.client().builds.events(number):
        if event == "log":
            click.echo(str(data["line"]))
        elif event == "step":
            note(f"— {data['step']} {data['state']} {data.get('detail') or ''}".rstrip())


@builds_command.command("cancel")
@click.argument("number", type=int)
@pass_cli
def cancel_build(cli: Cli, number: int) -> None:
    """Stop a build; nothing of it is registered."""
    build = cli.client().builds.cancel(number)
    cli.show(build.document, f"Build {number} is {build.state}.")


@builds_command.command("retry")
@click.argument("number", type=int)
@pass_cli
def retry_build(cli: Cli, number: int) -> None:
    """Build the same input again."""
    build = cli.client().builds.retry(number)
    cli.show(build.document, f"Build {build.number} is queued: modelyard builds log {build.number}")


class StepLine:
    """`lock reused ✓  load ✓  tests ✓` on one line, growing as steps finish."""

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent
        self._shown: set[str] = set()

    def on_event(self, event: str, data: dict[str, Any]) -> None:
        if event != "step" or data["state"] not in ("succeeded", "failed"):
            return
        mark = "✓" if data["state"] == "succeeded" else "✗"
        for words in step_words(str(data["step"]), str(data.get("detail") or "")):
            if words not in self._shown and not self._silent:
                click.echo(f"{'  ' if self._shown else ''}{words} {mark}", nl=False)
            self._shown.add(words)
        sys.stdout.flush()

    def end(self) -> None:
        if self._shown and not self._silent:
            click.echo()


def describe_build(build: Build, took_s: float) -> str:
    """Name, version, short digest, seconds; then the command that looks at it."""
    digest = short_digest(build.document["digest"])
    same = "  unchanged" if build.document.get("unchanged") else ""
    first = right_aligned(f"{build.project}/{build.model} {build.version}  {digest}{same}", seconds(took_s))
    preview = f"Preview  modelyard predict {build.model}:{build.version} @row.json"
    return f"{first}\n{preview}"


class upload_bar:  # noqa: N801 - used as a context manager, like a function
    """A progress bar for large uploads, on a terminal only."""

    def __init__(self, cli: Cli) -> None:
        self._wanted = sys.stderr.isatty() and not cli.as_json
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Callable[[int, int], None]:
        return self._report

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _report(self, sent: int, total: int) -> None:
        if not self._wanted or total < BAR_FROM_BYTES:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

            columns = (TextColumn("upload"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("upload", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=sent)


def step_words(step: str, detail: str) -> list[str]:
    """What a person reads of a step: `lock reused`, `load`, `tests`, `bill of materials`."""
    if step == "check":
        return ["load", "tests"] if "pytest" in detail or "examples" in detail else ["load"]
    if detail == f"{step} reused":
        return [detail]
    return {"fetch": [], "record": ["bill of materials"]}.get(step, [step])
