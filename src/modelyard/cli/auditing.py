"""`audit`: who did what, when and why."""

from __future__ import annotations

import sys
from typing import Any

import click

from modelyard.cli.options import Command
from modelyard.cli.output import Cli, pass_cli


@click.command("audit", cls=Command)
@click.option("--actor", default="", help="Only what this person or account did.")
@click.option("--action", default="", help="Only this, such as deployment.release.approved.")
@click.option("--target", default="", help="Only about this, such as release:3.")
@click.option("--since", default="", help="From this time on (RFC 3339).")
@click.option("--until", default="", help="Up to this time.")
@click.option("--outcome", type=click.Choice(["", "success", "denied", "failure"]), default="", help="Only these.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many.")
@click.option("--export", "kind", type=click.Choice(["jsonl", "csv"]), help="Write the whole trail to stdout.")
@pass_cli
def audit_command(cli: Cli, /, limit: int, kind: str | None, **filters: str) -> None:
    """Who did what, when and why, newest first."""
    client = cli.client()
    filters["project"] = cli.project
    if kind is not None:
        for piece in client.export_audit(kind, **filters):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    events = list(client.audit(items_max=limit, **filters))
    rows = [
        (str(e["at"])[:19].replace("T", " "), _who(e), e["action"], e["target"],
         "" if e["outcome"] == "success" else e["outcome"], e["why"])
        for e in events
    ]  # fmt: skip
    cli.show_list(events, ("when", "who", "what", "on", "outcome", "why"), rows, "Nothing that you may see.")


def _who(event: dict[str, Any]) -> str:
    kind, name = str(event["principal_kind"]), str(event["principal_name"])
    return name if kind in ("user", name) else f"{kind}:{name}"
