"""docs/contributing/rooms.md: one line for every package, which is the first sentence of its docstring."""

from __future__ import annotations

import ast
from pathlib import Path

from tools.docs.markdown import code, page, table
from tools.lint.source import read_sources

ROOT = Path(__file__).resolve().parent.parent.parent
INTRODUCTION = """
Rooms, and the slices in them, in the order in which they may import each other (`tools/lint/order.toml`). Each line is
the first sentence of the package's docstring.
"""


def render() -> str:
    found = packages()
    rooms = sorted({name.split(".")[1] for name in found if name.count(".") >= 1})
    parts = []
    for room in rooms:
        prefix = f"modelyard.{room}"
        rows = [
            [code(name.removeprefix("modelyard.")), sentence]
            for name, sentence in found.items()
            if name == prefix or name.startswith(f"{prefix}.")
        ]
        parts += [f"## {room}\n", table(["package", "holds"], rows)]
    return page("Rooms and slices", INTRODUCTION, *parts)


def packages() -> dict[str, str]:
    """Package -> first sentence of its docstring, empty without one."""
    found = {}
    for source in read_sources(ROOT):
        if source.package == "modelyard" and source.path.endswith("__init__.py"):
            first = (ast.get_docstring(source.tree) or "").split("\n\n")[0]
            found[source.module] = " ".join(first.split())
    return dict(sorted(found.items()))
