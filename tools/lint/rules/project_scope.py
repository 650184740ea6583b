"""A store is opened for one project and its statements name it, so that no query can see across tenants. A store of
things that belong to the installation says so on its line."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.lint.source import Finding, Tree, matches

CODE = "project-scope"
SCOPES = {"project_id", "project_ids", "scope", "project"}


def check(tree: Tree) -> Iterator[Finding]:
    for source in tree.product():
        if not matches(source.module, ["modelyard.*.store"]):
            continue
        for node in source.nodes:
            if isinstance(node, ast.ClassDef) and node.name.endswith("Store") and not _scoped(node):
                yield source.at(
                    node.lineno, CODE, f"{node.name} is opened without a project (one of {', '.join(sorted(SCOPES))})"
                )


def _scoped(node: ast.ClassDef) -> bool:
    """A field of the dataclass, or a parameter of `__init__`."""
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and getattr(statement.target, "id", "").lstrip("_") in SCOPES:
            return True
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            return bool(SCOPES & {argument.arg for argument in [*statement.args.args, *statement.args.kwonlyargs]})
    return False
