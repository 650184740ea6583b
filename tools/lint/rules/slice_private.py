"""A slice's tables, store, routes and jobs are its own; others ask its service. Otherwise a change of a table must be
read against the whole tree. Only another `tables.py` may import a `tables.py`, to name a foreign key's column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.lint.source import Finding, Tree

CODE = "slice-private"
PRIVATE = {"tables", "store", "api", "jobs"}


def check(tree: Tree) -> Iterator[Finding]:
    slices: Any = tree.order["slices"]
    for source in tree.product():
        if source.room == "server":
            continue
        for line, name in source.imports:
            parts = name.split(".")
            if parts[0] != "modelyard" or len(parts) < 4 or parts[1] not in slices:
                continue
            names_foreign_key = parts[3] == source.stem == "tables"
            if parts[3] in PRIVATE and source.module.split(".")[1:3] != parts[1:3] and not names_foreign_key:
                yield source.at(
                    line, CODE, f"{'.'.join(parts[:4])} belongs to its slice; ask {parts[1]}.{parts[2]}.service"
                )
