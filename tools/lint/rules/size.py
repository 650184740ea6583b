"""A module fits a reader's head at 400 lines and stops doing so by 500; a function at 70. A migration is a list of
tables that nobody edits afterwards, and may be as long as it must."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.lint.source import Finding, Tree

CODE = "size"
MODULE_LINES_MAX = 500
TEST_MODULE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70


def check(tree: Tree) -> Iterator[Finding]:
    for source in tree.sources:
        if "/migrations/versions/" in source.path:
            continue
        limit = TEST_MODULE_LINES_MAX if source.package == "tests" else MODULE_LINES_MAX
        if len(source.lines) > limit:
            yield source.at(1, CODE, f"{len(source.lines)} lines, at most {limit}; split it by what it does")
        for node in source.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    yield source.at(node.lineno, CODE, f"{node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}")
