"""docs/reference/cli.md: every command with its options, from the click tree."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from tools.docs.markdown import cell, code, page, table

INTRODUCTION = """
Data goes to standard output, talk to standard error. `--json` prints one JSON document for programs. `--profile NAME`
uses another login. `modelyard COMMAND --help` says the same as this page.
"""


def render() -> str:
    group: Any = importlib.import_module("modelyard.cli.main").cli
    parts: list[str] = []
    for path, command in walk(group):
        parts += _describe(path, command, _context(command, path))
    return page("The command line", INTRODUCTION, *parts)


def walk(command: Any, path: str = "modelyard") -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its full name; hidden ones are left out."""
    context = _context(command, path)
    names = command.list_commands(context) if hasattr(command, "list_commands") else []
    if not names or path == "modelyard":
        yield path, command
    for name in names:
        child = command.get_command(context, name)
        if child is not None and not child.hidden:
            yield from walk(child, f"{path} {name}")


def _context(command: Any, path: str) -> Any:
    kind: Any = importlib.import_module("click").Context
    return kind(command, info_name=path)


def _describe(path: str, command: Any, context: Any) -> list[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    rows: list[list[str]] = []
    for parameter in command.get_params(context):
        record: Any = parameter.get_help_record(context)
        if record and "--help" not in parameter.opts:
            rows.append([code(cell(record[0])), record[1]])
    text = (command.help or "").replace("\b", "").strip()
    options = [table(["option", "meaning"], rows)] if rows else []
    return [f"## {path}\n", f"```\n{path} {usage}\n```\n", text + "\n", *options]
