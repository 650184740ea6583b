"""`predict`, `lineage`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from modelyard.cli.deployments import split_endpoint
from modelyard.cli.options import Command
from modelyard.cli.output import Cli, pass_cli


@click.command("predict", cls=Command)
@click.argument("target")
@click.argument("rows")
@pass_cli
def predict_command(cli: Cli, target: str, rows: str) -> None:
    """Ask an endpoint (`mine`) or, as a project member, a version that nobody approved yet (`mine:1.0.0`).

    ROWS is @FILE, - for standard input, or the JSON itself: one row, a list of rows, or {"rows": [...]}.
    """
    from modelyard.sdk.references import parse_reference

    client = cli.client()
    table = read_rows(rows)
    if ":" in target or "@" in target:
        named = parse_reference(target)
        project = named.project or client.project
        answer = client.predictions.preview(project, named.model, named.version, table)
    else:
        answer = client.predictions.predict(*split_endpoint(target, client.project), table)
    cli.show(answer.document, json.dumps(answer.document, ensure_ascii=False))


@click.command("lineage", cls=Command)
@click.argument("prediction_id")
@pass_cli
def lineage_command(cli: Cli, prediction_id: str) -> None:
    """From a prediction (`pr_…`) to people, code, data digests and environment."""
    found = cli.client().lineage(prediction_id)
    cli.show(found, render_lineage(found))


def read_rows(given: str) -> list[dict[str, Any]]:
    """Rows from @FILE, - or JSON text. Raises UsageError for anything else."""
    try:
        if given.startswith("@"):
            text = Path(given[1:]).read_text()
        else:
            text = sys.stdin.read() if given == "-" else given
    except OSError as cause:
        raise click.UsageError(f"{given[1:]} can't be read: {cause.strerror}.") from cause
    try:
        value = json.loads(text)
    except ValueError as cause:
        raise click.UsageError(f"expected JSON rows, @FILE or -, got {text[:40]!r}: {cause}.") from cause
    if isinstance(value, dict) and isinstance(value.get("rows"), list):
        value = value["rows"]
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(row, dict) for row in found):
        raise click.UsageError("expected rows: JSON objects keyed by column name.")
    return found


def render_lineage(found: dict[str, Any], indent: str = "") -> str:
    """Nested names and values, one a line; what is empty is left out."""
    lines = []
    for name, value in found.items():
        if value in (None, "", [], {}):
            continue
        label = name.replace("_", " ")
        if isinstance(value, dict):
            lines.append(f"{indent}{label}\n{render_lineage(value, indent + '  ')}")
        elif isinstance(value, list):
            shown = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value]
            lines.append(f"{indent}{label}")
            lines += [f"{indent}  {item}" for item in shown]
        else:
            lines.append(f"{indent}{label:<{max(1, 22 - len(indent))}}{value}")
    return "\n".join(lines)
