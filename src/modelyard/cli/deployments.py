"""`release`, `releases`, `approve`, `reject`, `rollback`, `endpoints`, `logs`."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from modelyard.cli.options import Command, Group
from modelyard.cli.output import Cli, note, pass_cli, seconds
from modelyard.cli.registry import render_diff

WHY = click.option("-m", "--why", default="", help="Your reason; kept in the audit trail.")


@click.command("release", cls=Command)
@click.argument("reference")
@click.option("--to", "endpoint", required=True, metavar="ENDPOINT", help="Where it should answer.")
@WHY
@pass_cli
def release_command(cli: Cli, reference: str, endpoint: str, why: str) -> None:
    """Ask that MODEL:VERSION answer at an endpoint; somebody else decides."""
    from modelyard.sdk.references import parse_reference

    named = parse_reference(reference)
    client = cli.client()
    project = named.project or client.project
    release = client.releases.request(project, endpoint=endpoint, model=named.model, version=named.version, why=why)
    author = release.document.get("author") or "its author"
    where = f"{client.url}/ui/releases/{release.number}"
    cli.show(release.document, f"Release {release.number} waits for a reviewer other than {author}: {where}")


@click.group("releases", cls=Group)
@click.pass_context
def releases_command(ctx: click.Context) -> None:
    """List releases; show, withdraw."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_releases)


@releases_command.command("list")
@click.option("--state", default="", help="Only those: pending, approved, live, rejected, failed …")
@pass_cli
def list_releases(cli: Cli, state: str = "") -> None:
    """Releases, newest first."""
    releases = list(cli.client().releases.list_releases(project=cli.project, state=state))
    rows = [
        (
            r.number,
            f"{r.project}/{r.endpoint}",
            f"{r.model} {r.version}",
            r.state,
            r.document.get("author"),
            r.document.get("why"),
        )
        for r in releases
    ]
    headers = ("number", "endpoint", "version", "state", "author", "why")
    empty = "No releases: modelyard release MODEL:VERSION --to ENDPOINT -m WHY"
    cli.show_list([r.document for r in releases], headers, rows, empty)


@releases_command.command("show")
@click.argument("number", type=int)
@pass_cli
def show_release(cli: Cli, number: int) -> None:
    """A release with its diff against the live version."""
    release = cli.client().releases.get_release(number)
    head = (
        f"Release {number}: {release.model} {release.version} to {release.project}/{release.endpoint}, {release.state}"
    )
    found = release.document.get("diff")
    cli.show(release.document, head + (f"\n{render_diff(found)}" if isinstance(found, dict) else ""))


@releases_command.command("withdraw")
@click.argument("number", type=int)
@pass_cli
def withdraw_release(cli: Cli, number: int) -> None:
    """Take your own request back."""
    release = cli.client().releases.withdraw(number)
    cli.show(release.document, f"Release {number} is withdrawn.")


@click.command("approve", cls=Command)
@click.argument("number", type=int)
@WHY
@click.option("--no-wait", is_flag=True, help="Return at once, before it is live.")
@pass_cli
def approve_command(cli: Cli, number: int, why: str, no_wait: bool) -> None:
    """Approve release NUMBER and wait for its first correct answer."""
    client = cli.client()
    started = time.monotonic()
    release = client.releases.approve(number, why)
    if not no_wait:
        release = client.releases.wait_live(number)
    took = time.monotonic() - started
    live = f"Live in {took:.1f} s. Undo: modelyard rollback {release.endpoint}"
    cli.show(release.document, f"Release {number} is approved." if no_wait else live)


@click.command("reject", cls=Command)
@click.argument("number", type=int)
@WHY
@pass_cli
def reject_command(cli: Cli, number: int, why: str) -> None:
    """Reject release NUMBER; its author sees why."""
    release = cli.client().releases.reject(number, why)
    cli.show(release.document, f"Release {number} is rejected.")


@click.command("rollback", cls=Command)
@click.argument("endpoint")
@click.option("--to-release", type=int, help="Which one; the one before without it.")
@WHY
@pass_cli
def rollback_command(cli: Cli, endpoint: str, to_release: int | None, why: str) -> None:
    """Send ENDPOINT back to what was live before."""
    client = cli.client()
    project, name = split_endpoint(endpoint, client.project)
    started = time.monotonic()
    answer = client.endpoints.roll_back(project, name, to_release=to_release, why=why)
    number = answer.get("release_number") or answer.get("number")
    if number is not None:
        answer = client.releases.wait_live(int(number)).document
    version = answer.get("version", "")
    cli.show(answer, f"{project}/{name} answers from {version} again, in {seconds(time.monotonic() - started)}.")


@click.group("endpoints", cls=Group)
@click.pass_context
def endpoints_command(ctx: click.Context) -> None:
    """List endpoints; show, stop, start."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_endpoints)


@endpoints_command.command("list")
@pass_cli
def list_endpoints(cli: Cli) -> None:
    """The project's endpoints."""
    client = cli.client()
    endpoints = list(client.endpoints.list_endpoints(client.project))
    rows = [(e.name, e.phase, live_version(e.document), f"/v2/models/{client.project}.{e.name}") for e in endpoints]
    empty = "No endpoints yet: modelyard release MODEL:VERSION --to ENDPOINT makes one"
    cli.show_list([e.document for e in endpoints], ("name", "state", "version", "path"), rows, empty)


@endpoints_command.command("show")
@click.argument("endpoint")
@pass_cli
def show_endpoint(cli: Cli, endpoint: str) -> None:
    """One endpoint."""
    client = cli.client()
    found = client.endpoints.get_endpoint(*split_endpoint(endpoint, client.project))
    cli.show(found.document, json.dumps(found.document, indent=2, ensure_ascii=False))


@endpoints_command.command("stop")
@click.argument("endpoint")
@pass_cli
def stop_endpoint(cli: Cli, endpoint: str) -> None:
    """Let it answer nothing, at once."""
    client = cli.client()
    project, name = split_endpoint(endpoint, client.project)
    client.endpoints.stop(project, name)
    cli.show(
        {"endpoint": name, "stopped": True}, f"{project}/{name} is stopped. Undo: modelyard endpoints start {name}"
    )


@endpoints_command.command("start")
@click.argument("endpoint")
@pass_cli
def start_endpoint(cli: Cli, endpoint: str) -> None:
    """Let a stopped endpoint answer again."""
    client = cli.client()
    project, name = split_endpoint(endpoint, client.project)
    client.endpoints.start(project, name)
    cli.show({"endpoint": name, "stopped": False}, f"{project}/{name} answers again.")


@click.command("logs", cls=Command)
@click.argument("endpoint")
@click.option("--tail", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many lines.")
@pass_cli
def logs_command(cli: Cli, endpoint: str, tail: int) -> None:
    """What the model at ENDPOINT prints, its tracebacks among it."""
    client = cli.client()
    found = client.endpoints.logs(*split_endpoint(endpoint, client.project), tail=tail)
    lines = found.get("lines", [])
    cli.show(found, "\n".join(line if isinstance(line, str) else str(line.get("text", line)) for line in lines))
    if not lines:
        note(f"{endpoint} has printed nothing.")


def split_endpoint(text: str, project: str) -> tuple[str, str]:
    """`mine`, `demo/mine` or `demo.mine` as (project, name)."""
    head, found, tail = text.replace(".", "/", 1).partition("/")
    return (head, tail) if found else (project, head)


def live_version(document: dict[str, Any]) -> str:
    live = document.get("live")
    if isinstance(live, dict):
        return str(live.get("version", ""))
    return str(document.get("version") or document.get("live_version") or "")
