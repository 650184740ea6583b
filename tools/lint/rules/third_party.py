"""Each outside library is known to few modules, so that it can be replaced, and so that what is dangerous (unpickling,
SQL, keys) has one place to be reviewed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.lint.source import Finding, Tree, matches

CODE = "third-party"


def check(tree: Tree) -> Iterator[Finding]:
    leashes: Any = tree.order["leash"]
    by_name = {name: leash for leash in leashes for name in leash["names"]}
    for source in tree.product():
        for line, name in source.imports:
            parts = name.split(".")
            for known in {parts[0], ".".join(parts[:2])}:
                leash = by_name.get(known)
                if leash and not matches(source.module, leash["where"]):
                    yield source.at(line, CODE, f"{known} only in {', '.join(leash['where'])}: {leash['reason']}")
