"""Every error that may reach a person has a kind, which the protocols' tables map, and a stable code of its own, which
scripts and the reference page rely on. A code belongs to one class for ever."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.lint.source import Finding, Source, Tree

CODE = "error-code"
ROOT = "PlatformError"
SHAPE = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)?")


def check(tree: Tree) -> Iterator[Finding]:
    classes = {
        node.name: (source, node)
        for source in tree.product()
        for node in source.nodes
        if isinstance(node, ast.ClassDef)
    }
    owners: dict[str, str] = {}
    for name, (source, node) in classes.items():
        line = _ancestry(name, classes)
        if name == ROOT or ROOT not in line:
            continue
        fields = {
            ancestor: _fields(classes[ancestor][1]) for ancestor in line if ancestor in classes and ancestor != ROOT
        }
        code = fields[name].get("code")
        if not isinstance(code, str) or not SHAPE.fullmatch(code):
            yield source.at(
                node.lineno, CODE, f"{name} needs its own `code`, such as `releases.not_found`; got {code!r}"
            )
        elif owners.setdefault(code, name) != name:
            yield source.at(node.lineno, CODE, f"{name} and {owners[code]} share the code {code!r}")
        if not any("kind" in given for given in fields.values()):
            yield source.at(node.lineno, CODE, f"{name} needs a `kind` (ErrorKind)")


def _ancestry(name: str, classes: dict[str, tuple[Source, ast.ClassDef]]) -> list[str]:
    """The class and all its bases by name, as far as they are ours."""
    found, queue = [], [name]
    while queue:
        current = queue.pop()
        if current in found:
            continue
        found.append(current)
        if current in classes:
            queue += [_name(base) for base in classes[current][1].bases]
    return found


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _fields(node: ast.ClassDef) -> dict[str, object]:
    """Class attributes by name; the value when it is a constant."""
    found: dict[str, object] = {}
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            names = [statement.target.id]
        else:
            continue
        value = statement.value.value if isinstance(statement.value, ast.Constant) else ...
        found |= dict.fromkeys(names, value)
    return found
