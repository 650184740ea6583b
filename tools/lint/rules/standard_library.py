"""Some parts must start with the standard library alone: the words everybody shares, the launcher (`python -I -S`), and
the worker, which lives in environments we did not choose."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from tools.lint.source import Finding, Tree, matches

CODE = "standard-library"


def check(tree: Tree) -> Iterator[Finding]:
    parts: Any = tree.order["standard_library"]
    for source in tree.product():
        for part in parts:
            if not matches(source.module, [part["module"]]):
                continue
            for line, name in source.imports:
                top = name.partition(".")[0]
                if top in sys.stdlib_module_names or matches(name, part["also"]):
                    continue
                yield source.at(
                    line,
                    CODE,
                    f"{part['module']} sees the standard library and its own, not {name}: {part['reason']}",
                )
