"""`models`, `diff`, `pull`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from modelyard.cli.options import Command, Group
from modelyard.cli.output import Cli, pass_cli, short_digest, table


@click.group("models", cls=Group)
@click.pass_context
def models_command(ctx: click.Context) -> None:
    """List models; show, versions, alias."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_models)


@models_command.command("list")
@pass_cli
def list_models(cli: Cli) -> None:
    """The project's registered models."""
    client = cli.client()
    models = list(client.models.list_models(client.project))
    rows = [(m.name, _latest(m.document), m.description) for m in models]
    empty = "No models yet: modelyard init NAME, then modelyard push"
    cli.show_list([m.document for m in models], ("name", "latest", "description"), rows, empty)


@models_command.command("versions")
@click.argument("name")
@pass_cli
def list_versions(cli: Cli, name: str) -> None:
    """The versions of a model, newest first."""
    client = cli.client()
    versions = list(client.models.list_versions(client.project, name))
    rows = [
        (v["version"], short_digest(v["digest"]), _numbers(v["metrics"]),
         v["created_at"][:16].replace("T", " "), v["created_by"])
        for v in versions
    ]  # fmt: skip
    headers = ("version", "digest", "metrics", "built", "author")
    cli.show_list(versions, headers, rows, f"No version of {name} yet: modelyard push")


@models_command.command("show")
@click.argument("reference")
@pass_cli
def show_model(cli: Cli, reference: str) -> None:
    """A model, or with MODEL:VERSION or MODEL@ALIAS one version."""
    from modelyard.sdk.references import parse_reference

    client = cli.client()
    named = parse_reference(reference, version_needed=False)
    project = named.project or client.project
    if named.version:
        found = client.models.get_version(project, named.model, named.version)
    else:
        found = client.models.get_model(project, named.model).document
    cli.show(found, _fields(found))


@models_command.command("alias")
@click.argument("name")
@click.argument("alias")
@click.argument("version", required=False)
@click.option("--remove", is_flag=True, help="Take the alias away.")
@pass_cli
def set_alias(cli: Cli, name: str, alias: str, version: str | None, remove: bool) -> None:
    """Point an alias, such as champion, at a version."""
    client = cli.client()
    if remove:
        client.models.remove_alias(client.project, name, alias)
        cli.show({"alias": alias, "version": None}, f"{name}@{alias} is gone.")
        return
    if not version:
        raise click.UsageError("Missing argument 'VERSION'.")
    client.models.set_alias(client.project, name, alias, version)
    cli.show({"alias": alias, "version": version}, f"{name}@{alias} is {version}.")


@click.command("diff", cls=Command)
@click.argument("a")
@click.argument("b")
@pass_cli
def diff_command(cli: Cli, a: str, b: str) -> None:
    """What differs between versions A and B: `modelyard diff tumour:1.0.0 tumour:1.1.0`."""
    from modelyard.sdk.references import parse_reference

    first = parse_reference(a)
    second = parse_reference(b if ":" in b or "@" in b else f"{first.model}:{b}")
    if (first.model, first.project) != (second.model, second.project):
        raise click.UsageError(f"{a} and {b} are of different models; expected two versions of one.")
    client = cli.client()
    found = client.models.diff(first.project or client.project, first.model, first.version, second.version)
    cli.show(found, render_diff(found))


@click.command("pull", cls=Command)
@click.argument("reference")
@click.argument("directory", type=click.Path(path_type=Path))
@pass_cli
def pull_command(cli: Cli, reference: str, directory: Path) -> None:
    """Write the files of MODEL:VERSION or MODEL@ALIAS into DIRECTORY, each checked against its digest."""
    from modelyard.sdk.references import parse_reference

    named = parse_reference(reference)
    client = cli.client()
    written = client.models.pull(named.project or client.project, named.model, named.version, directory)
    names = [str(path.relative_to(directory)) for path in written]
    cli.show({"directory": str(directory), "files": names}, f"wrote {' '.join(names)}")


def render_diff(found: dict[str, Any]) -> str:
    """One block a part that changed, before → after; parts that are equal are named in one line."""
    blocks = [f"{part}\n" + "\n".join(_change(item) for item in items) for part, items in found.items() if items]
    equal = [part for part, items in found.items() if not items]
    return "\n".join([*blocks, f"unchanged: {', '.join(equal)}"] if equal else blocks)


def _change(item: dict[str, Any]) -> str:
    name = item.get("name") or item.get("path") or ""
    word = item.get("change") or ("better" if item.get("better") else "worse" if item.get("better") is False else "")
    sides = [_side(item.get(side)) for side in ("a", "b")]
    line = f"  {name:<28}{sides[0]} → {sides[1]}  {word}".rstrip()
    text = str(item.get("diff") or item.get("note") or "").rstrip()
    return line + "".join(f"\n    {row}" for row in text.splitlines())


def _side(value: Any) -> str:
    if value in (None, ""):
        return "none"
    if isinstance(value, str) and value.startswith("sha256:"):
        return short_digest(value)
    return f"{value:g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)


def _fields(document: dict[str, Any]) -> str:
    rows = [
        (name, value if not isinstance(value, (dict, list)) else json.dumps(value, ensure_ascii=False)[:100])
        for name, value in document.items()
        if value not in (None, "", [], {})
    ]
    return table(("field", "value"), rows)


def _latest(document: dict[str, Any]) -> str:
    latest = document.get("latest_version") or document.get("latest") or ""
    return str(latest.get("version", "")) if isinstance(latest, dict) else str(latest)


def _numbers(metrics: Any) -> str:
    if not isinstance(metrics, dict):
        return ""
    return " ".join(f"{name} {value:.3g}" for name, value in metrics.items() if isinstance(value, (int, float)))
