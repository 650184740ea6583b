"""Runs every rule over the tree and takes away what is excepted, on the line or by the list."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.lint.rules import (
    banned_name,
    commit,
    environment,
    error_code,
    import_order,
    project_scope,
    pure_domain,
    route_permission,
    size,
    slice_private,
    standard_library,
    third_party,
)
from tools.lint.source import Finding, Source, Tree, read_sources

Rule = Callable[[Tree], Iterator[Finding]]
HERE = Path(__file__).resolve().parent
RULES: dict[str, Rule] = {
    module.CODE: module.check
    for module in (
        banned_name, commit, environment, error_code, import_order, project_scope, pure_domain, route_permission, size,
        slice_private, standard_library, third_party,
    )
}  # fmt: skip


def read_order() -> dict[str, object]:
    return tomllib.loads((HERE / "order.toml").read_text())


def read_exceptions() -> dict[str, list[str]]:
    """`{code: [path, …]}`; each path is excused from the whole rule."""
    found = tomllib.loads((HERE / "exceptions.toml").read_text())
    return {code: sorted(paths) for code, paths in found.items()}


def check(root: Path) -> list[Finding]:
    """All findings of the repository at `root`, in file order."""
    return check_tree(Tree(read_sources(root), read_order()), read_exceptions())


def check_tree(tree: Tree, exceptions: dict[str, list[str]]) -> list[Finding]:
    """A mark without a reason, or for a code that no rule has, is a finding itself."""
    broken = [source for source in tree.sources if source.syntax_error]
    tree = Tree(tuple(source for source in tree.sources if not source.syntax_error), tree.order)
    by_path = {source.path: source for source in tree.sources}
    findings = [source.at(1, "syntax", source.syntax_error) for source in broken] + list(_bad_marks(tree.sources))
    for code, rule in RULES.items():
        excused = set(exceptions.get(code, ()))
        for finding in rule(tree):
            reason = by_path[finding.path].skip_on(finding.line, code)
            if not reason and finding.path not in excused:
                findings.append(finding)
    return sorted(findings)


def _bad_marks(sources: tuple[Source, ...]) -> Iterator[Finding]:
    for source in sources:
        if "lint-skip:" not in source.text or source.path.startswith(("tools/lint/", "tests/unit/tools/")):
            continue
        for number, line in enumerate(source.lines, 1):
            mark = line.partition("lint-skip:")[2].split()
            if "# lint-skip:" in line and (len(mark) < 2 or mark[0] not in RULES):
                known = ", ".join(sorted(RULES))
                yield source.at(number, "lint-skip", f"got {mark!r}, expected a code of {known} and then the reason")
