"""One request or one job step is one transaction, and only infra ends it. A commit in a service makes half a change
durable when the other half fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tools.lint.source import Finding, Tree, matches

CODE = "commit"
ENDING = {"commit", "rollback", "begin_nested"}
HOLDERS = {"connection", "engine", "session", "conn", "transaction", "database"}  # `begin` means it on these only


def check(tree: Tree) -> Iterator[Finding]:
    allowed: Any = tree.order["commit"]
    for source in tree.product():
        if source.package != "modelyard" or matches(source.module, allowed["where"]):
            continue
        for node in source.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _ends(node.func):
                yield source.at(node.lineno, CODE, f".{node.func.attr}() outside infra; the unit of work commits")


def _ends(called: ast.Attribute) -> bool:
    holder = getattr(called.value, "attr", getattr(called.value, "id", "")).lstrip("_")
    return called.attr in ENDING or (called.attr == "begin" and holder in HOLDERS)
