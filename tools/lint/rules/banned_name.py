"""Names that say nothing attract everything: each becomes the hub through which the rooms tie their knot."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.lint.source import Finding, Tree

CODE = "banned-name"
MODULES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "managers", "legacy", "stuff"}
SECOND = re.compile(r"[a-z_]{2,}2$")
CLASSES = re.compile(r"(Manager|Helper|Helpers|Utils|Util|Misc)$")


def check(tree: Tree) -> Iterator[Finding]:
    for source in tree.sources:
        for part in PurePosixPath(source.path).with_suffix("").parts:
            if part in MODULES or SECOND.search(part):
                yield source.at(1, CODE, f"a module named {part} says nothing; name it for what it holds")
        if not source.is_product:
            continue
        for node in source.nodes:
            if isinstance(node, ast.ClassDef) and CLASSES.search(node.name):
                yield source.at(node.lineno, CODE, f"class {node.name}: name it for what it is")
