"""Settings are read in `settings.py` modules and passed on. A value read from the environment elsewhere is in no
reference page, in no `config show`, and cannot be set by a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.lint.source import Finding, Tree

CODE = "environment"
NAMES = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def check(tree: Tree) -> Iterator[Finding]:
    for source in tree.product():
        if source.stem == "settings":
            continue
        for node in source.nodes:
            if isinstance(node, ast.Attribute) and node.attr in NAMES and getattr(node.value, "id", "") == "os":
                yield source.at(node.lineno, CODE, f"os.{node.attr} outside a settings.py")
            if isinstance(node, ast.ImportFrom) and node.module == "os" and NAMES & {a.name for a in node.names}:
                yield source.at(node.lineno, CODE, "the environment imported outside a settings.py")
