"""`domain.py` decides and does nothing: no await, no SQL, no clock, no randomness, no I/O. Its rules can then be tested
by values alone, and replayed on what the audit trail holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.lint.source import Finding, Tree

CODE = "pure-domain"
MODULES = {
    "asyncio", "fastapi", "httpx", "io", "logging", "os", "random", "secrets", "shutil", "socket", "sqlalchemy",
    "sqlite3", "starlette", "subprocess", "tempfile", "threading", "time", "urllib.request", "uuid",
}  # fmt: skip
CALLS = {"open", "print", "input", "new_id", "now", "utcnow", "today", "read_text", "read_bytes", "write_text"}


def check(tree: Tree) -> Iterator[Finding]:
    for source in tree.product():
        if source.stem != "domain":
            continue
        for line, name in source.imports:
            if {name, name.partition(".")[0], name.rpartition(".")[0]} & MODULES:
                yield source.at(line, CODE, f"imports {name}; pass the value in")
        for node in source.nodes:
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                yield source.at(node.lineno, CODE, "awaits; let the service do so and pass the value in")
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in CALLS:
                    yield source.at(node.lineno, CODE, f"calls {called}(); pass the value in")
