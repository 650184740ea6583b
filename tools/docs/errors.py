"""docs/reference/errors.md: every error that may reach a person, read from the classes without importing them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from tools.docs.markdown import code, page, table
from tools.lint.source import Source, read_sources

ROOT = Path(__file__).resolve().parent.parent.parent
RETIRED: dict[str, str] = {}  # code -> what it was; codes are never used again

INTRODUCTION = """
Every error carries a stable code for programs and a sentence for people. The HTTP API sends them as
[problem documents](https://www.rfc-editor.org/rfc/rfc9457) with `code`, `detail`, `hint`, `params` and `request_id`;
`modelyard --json` prints the same document on standard error. The kind decides the HTTP status. Codes are never reused.
"""


@dataclass(frozen=True, slots=True)
class Described:
    code: str
    kind: str
    message: str
    hint: str
    meaning: str


def render() -> str:
    from modelyard.infra.http.problems import STATUS  # loads the web framework; only this page wants it
    from modelyard.kernel.errors import ErrorKind

    status = {kind.name: str(STATUS[kind]) for kind in ErrorKind}
    rows = [
        [code(e.code), e.kind.lower(), status.get(e.kind, ""), f"{e.message} {e.hint}".strip() or e.meaning]
        for e in platform_errors()
    ]
    kinds = table(["kind", "HTTP status"], [[kind.value, str(STATUS[kind])] for kind in ErrorKind])
    retired = [f"\nRetired: {', '.join(code(c) for c in sorted(RETIRED))}.\n"] if RETIRED else []
    codes = table(["code", "kind", "status", "what it says"], rows)
    return page("Errors", INTRODUCTION, "## Kinds\n", kinds, "## Codes\n", codes, *retired)


def platform_errors() -> list[Described]:
    """All subclasses of PlatformError with a code of their own, by code; fields not given come from the bases."""
    sources = [source for source in read_sources(ROOT) if source.package == "modelyard"]
    classes = {
        node.name: (source, node) for source in sources for node in source.nodes if isinstance(node, ast.ClassDef)
    }
    found = []
    for name, (_, node) in classes.items():
        bases = _bases(name, classes)
        if "PlatformError" not in bases or "code" not in _fields(node):
            continue
        given: dict[str, str] = {}
        for base in reversed(bases):
            given |= _fields(classes[base][1])
        meaning = (ast.get_docstring(node) or "").partition("\n\n")[0]
        found.append(Described(given["code"], given["kind"], given.get("message", ""), given.get("hint", ""), meaning))
    return sorted(found, key=lambda error: error.code)


def _bases(name: str, classes: dict[str, tuple[Source, ast.ClassDef]]) -> list[str]:
    """The class, then its bases as far as they are ours, nearest first."""
    line, queue = [], [name]
    while queue:
        current = queue.pop(0)
        if current in classes and current not in line:
            line.append(current)
            queue += [getattr(base, "id", getattr(base, "attr", "")) for base in classes[current][1].bases]
    return line


def _fields(node: ast.ClassDef) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        name = getattr(targets[0], "id", "")
        value = getattr(statement, "value", None)
        if name in {"code", "message", "hint"} and isinstance(value, ast.Constant):
            wanted[name] = _readable(str(value.value))
        elif name == "kind" and isinstance(value, ast.Attribute):
            wanted[name] = value.attr
    return wanted


def _readable(template: str) -> str:
    """`{name!r:>3}` of a format template becomes `{name}`; Markdown's angle brackets are kept from being HTML."""
    return re.sub(r"\{(\w+)[^{}]*\}", r"{\1}", template).replace("<", "&lt;")
