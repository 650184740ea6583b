"""docs/reference/audit-events.md: every action that the audit trail can hold, read from where it is recorded."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tools.docs.markdown import code, page, table
from tools.docs.values import Function, Known, assigned_in, event_actions, given_by
from tools.lint.source import Source, read_sources

ROOT = Path(__file__).resolve().parent.parent.parent
CALLS_DEEP = 3
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
    slices: dict[str, list[Source]] = defaultdict(list)
    for source in read_sources(ROOT):
        if source.package == "modelyard":
            slices[".".join(source.module.split(".")[1:3])].append(source)
    for name, sources in slices.items():
        for action in _actions_in(sources):
            found[action].add(name)
    return found


def _actions_in(sources: list[Source]) -> set[str]:
    """With what the calls within the same slice give to the functions that make the events, three calls deep."""
    if not any("Event(" in source.text for source in sources):
        return set()
    functions = [node for source in sources for node in source.nodes if isinstance(node, Function)]
    known: dict[str, Known] = {function.name: {} for function in functions}
    for _ in range(CALLS_DEEP):
        for caller in functions:
            seen = assigned_in(caller, known[caller.name])
            for call in (node for node in ast.walk(caller) if isinstance(node, ast.Call)):
                name = getattr(call.func, "id", getattr(call.func, "attr", ""))
                for called in (function for function in functions if function.name == name):
                    for parameter, values in given_by(call, called, seen).items():
                        known[name][parameter] = known[name].get(parameter, frozenset()) | values
    found: set[str] = set()
    for function in functions:
        seen = assigned_in(function, known[function.name])
        for node in ast.walk(function):
            found |= event_actions(node, seen)
    return found
