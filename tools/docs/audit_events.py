"""docs/reference/audit-events.md: every action that the audit trail can hold, read from where it is recorded."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tools.docs.markdown import code, page, table
from tools.docs.values import Function, Known, assigned_in, event_actions, given_by
from tools.lint.source import Source, read_sources

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
        if source.package == "modelyard" and "Event(" in source.text:
            for action in _actions_in(source):
                found[action].add(".".join(source.module.split(".")[1:3]))
    return found


def _actions_in(source: Source) -> set[str]:
    """With what the calls within the same module give to the functions that make the events."""
    functions = [node for node in source.nodes if isinstance(node, Function)]
    calls = [node for node in source.nodes if isinstance(node, ast.Call)]
    found: set[str] = set()
    for function in functions:
        known: Known = {}
        for call in calls:
            if getattr(call.func, "id", getattr(call.func, "attr", "")) == function.name:
                for name, values in given_by(call, function, {}).items():
                    known[name] = known.get(name, frozenset()) | values
        known = assigned_in(function, known)
        for node in ast.walk(function):
            found |= event_actions(node, known)
    return found
