"""`predict`, `lineage`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from modelyard.cli.deployments import split_endpoint
from modelyard.cli.options import Command
from modelyard.cli.output import Cli, pass_cli, short_digest


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


def render_lineage(found: dict[str, Any]) -> str:
    """The five Ws as a sentence, the chain, then a line for each link; `--json` has everything."""
    version, build, data = found["version"], found["build"], found["data"]
    environment, release, git = found["environment"], found.get("release"), build.get("git") or {}
    metrics = "  ".join(f"{name} {value:g}" for name, value in version["metrics"].items())
    commit = f"git {git['commit'][:8]}{' with changes' if git.get('dirty') else ''}" if git.get("commit") else "no git"
    sets = [f"{item['path']} {short_digest(item['digest'])}" for item in data.values() if isinstance(item, dict)]
    lines = [found["sentence"], "", f"chain        {found['chain']}"]
    digest = short_digest(version["digest"])
    lines.append(
        f"version      {version['model']} {version['version']}  {digest}  by {version['author']}  {metrics}".rstrip()
    )
    lines.append(f"build        {build['number']}  {commit}")
    lines += [f"data         {'  '.join(sets)}"] if sets else []
    lock = short_digest(str(environment.get("lock_digest", "")))
    lines.append(f"environment  Python {environment.get('python')}, {environment['packages']} packages, lock {lock}")
    if release:
        people = f"asked by {release['requested_by']}, approved by {release['approved_by']}"
        lines.append(f"release      {release['number']}  {people}: {release['approve_why']}")
    return "\n".join(lines)
