"""`status`: what runs and how it is; with --readiness what a model's folder still lacks for production."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelyard.cli.options import Command
from modelyard.cli.output import Cli, pass_cli
from modelyard.cli.settings import home_dir


@click.command("status", cls=Command)
@click.option("--home", type=click.Path(path_type=Path), help="Ask the installation on this machine, past Envoy.")
@click.option("--readiness", is_flag=True, help="Of the model's folder here: what is missing for production.")
@pass_cli
def status_command(cli: Cli, home: Path | None, readiness: bool) -> None:
    """What runs and how it is. Works past Envoy on the machine itself."""
    if readiness:
        from modelyard.cli.readiness import describe_readiness, list_readiness

        points = list_readiness(Path())
        cli.show({"items": [point.to_json() for point in points]}, describe_readiness(points))
        return
    found = _ask_locally(home or home_dir()) if home is not None or _runs_here() else cli.client().status()
    cli.show(found, render_status(found))


def render_status(found: dict[str, Any], indent: str = "") -> str:
    """Names and values, one a line."""
    lines = []
    for name, value in found.items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            lines.append(f"{indent}{label}")
            lines.append(render_status(value, indent + "  "))
        elif isinstance(value, list):
            lines.append(f"{indent}{label:<20}{len(value) or 'nothing'}")
            lines += [f"{indent}  {_one_line(item)}" for item in value]
        else:
            lines.append(f"{indent}{label:<20}{value}")
    return "\n".join(line for line in lines if line.strip())


def _one_line(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    shown = [
        f"{key} {value}"
        for key, value in item.items()
        if value not in (None, "", [], {}) and not isinstance(value, (dict, list))
    ]
    return ", ".join(shown)


def _runs_here() -> bool:
    from modelyard.cli.home_lock import is_held

    return is_held(home_dir())


def _ask_locally(home: Path) -> dict[str, Any]:
    from modelyard.cli.home_lock import find_holder
    from modelyard.cli.local_socket import host_client

    with host_client(home) as client:
        found = client.status()
    holder = find_holder(home)
    if holder is not None:
        found = {"url": holder.url, "pid": holder.pid, "started_at": holder.started_at, **found}
    return found
