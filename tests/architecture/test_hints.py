"""What a hint tells people to type must exist: every `modelyard …` in an error's message or hint is a real command."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click
import pytest

from modelyard.cli.main import cli
from modelyard.kernel.errors import PlatformError

ROOT = Path(__file__).resolve().parents[2]
COMMAND = re.compile(r"modelyard ((?:--[a-z-]+ [A-Z]+ )?)([a-z]+)((?: [a-zA-Z@{:-][^\s;.,`)]*)*)")


def every_error() -> list[type[PlatformError]]:
    for path in sorted((ROOT / "src" / "modelyard").rglob("errors.py")):
        importlib.import_module(".".join(path.relative_to(ROOT / "src").with_suffix("").parts))
    found: list[type[PlatformError]] = []
    waiting = [PlatformError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return sorted(found, key=lambda kind: kind.code)


def problem_of(text: str) -> str:
    """What in the text is no command or option of the command line; "" when all of it is."""
    context = click.Context(cli)
    for match in COMMAND.finditer(text):
        command = cli.get_command(context, match[2])
        if command is None:
            return match[0]
        words = match[3].split()
        if isinstance(command, click.Group) and words and words[0].islower() and words[0].isalpha():
            command = command.get_command(context, words[0]) or command
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        unknown = [word for word in words if word.startswith("-") and word.strip("-") and word not in options]
        if unknown:
            return f"{match[0]} ({unknown[0]})"
    return ""


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.code)
def test_hint_names_only_commands_that_exist(kind: type[PlatformError]) -> None:
    assert problem_of(f"{kind.message} {kind.hint}") == ""


def test_hint_with_an_unknown_option_is_found() -> None:
    assert problem_of("List them: modelyard push --everything.") != ""
    assert problem_of("Try modelyard fly.") != ""
