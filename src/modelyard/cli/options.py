"""The options that every command takes, before or after its name: `--profile`, `--project`, `--url`, `--json`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from modelyard.cli.output import Cli


def _store(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def store(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        if value:
            setattr(ctx.ensure_object(Cli), name, value)

    return store


def _options() -> list[click.Option]:
    quiet: dict[str, Any] = {"expose_value": False, "is_eager": True}
    return [
        click.Option(["--profile"], metavar="NAME", help="Act as this login.", callback=_store("profile"), **quiet),
        click.Option(["--project"], metavar="NAME", help="Act in this project.", callback=_store("project"), **quiet),
        click.Option(["--url"], metavar="URL", help="Address of the installation.", callback=_store("url"), **quiet),
        click.Option(["--json"], is_flag=True, help="Print the API's documents.", callback=_store("as_json"), **quiet),
    ]


def global_options(command: click.Command) -> click.Command:
    """Adds the options to a command."""
    taken = {option for param in command.params for option in param.opts}
    command.params.extend(option for option in _options() if not taken.intersection(option.opts))
    return command


class Command(click.Command):
    """A command that takes the global options after its name too."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        global_options(self)


class Group(click.Group):
    """A command with verbs; without one it lists."""

    command_class = Command
    group_class = type

    def __init__(self, *arguments: Any, **named: Any) -> None:
        named.setdefault("invoke_without_command", True)
        super().__init__(*arguments, **named)
        global_options(self)
