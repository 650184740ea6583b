"""docs/reference/audit-events.md: every action that the audit trail can hold, read from where it is recorded."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tools.docs.markdown import code, page, table
from tools.lint.source import read_sources

ROOT = Path(__file__).resolve().parent.parent.parent
INTRODUCTION = """
An action reads `area.resource.past_participle`. Each event holds when, who (principal, token), from where (api, cli,
sdk, page, job), the action, its target and project, why (the person's own words), the outcome, the request's id, and
the hash of the event before it. It is written in the transaction of the change itself. A star stands for a word that
depends on the change.
"""


def render() -> str:
    rows = [[code(action), ", ".join(sorted(rooms))] for action, rooms in sorted(actions().items())]
    return page("Audit events", INTRODUCTION, table(["action", "recorded by"], rows))


def actions() -> dict[str, set[str]]:
    """Action -> the slices that record it."""
    found: dict[str, set[str]] = defaultdict(set)
    for source in read_sources(ROOT):
        if source.package != "modelyard":
            continue
        for node in source.nodes:
            if action := event_action(node):
                found[action].add(".".join(source.module.split(".")[1:3]))
    return found


def event_action(node: ast.AST) -> str:
    """The action when the node makes an `Event`; parts that are not constant become a star."""
    if not isinstance(node, ast.Call) or getattr(node.func, "id", getattr(node.func, "attr", "")) != "Event":
        return ""
    given = next((k.value for k in node.keywords if k.arg == "action"), node.args[0] if node.args else None)
    return _text(given)


def _text(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "*" for part in node.values)
    return "*" if node is not None else ""
