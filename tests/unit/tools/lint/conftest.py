"""A rule is tried on a few lines that stand for a file of the tree."""

from __future__ import annotations

import textwrap
from pathlib import Path
from types import ModuleType

import pytest
from tools.lint.checking import read_order
from tools.lint.source import Finding, Source, Tree, module_name


class Lint:
    """`lint(rule, {"src/modelyard/…py": "text"})` gives the messages the rule has about these files."""

    def findings(self, rule: ModuleType, files: dict[str, str]) -> list[Finding]:
        sources = [Source(path, module_name(Path(path)), textwrap.dedent(text)) for path, text in files.items()]
        return list(rule.check(Tree(tuple(sources), read_order())))

    def __call__(self, rule: ModuleType, files: dict[str, str]) -> list[str]:
        found = self.findings(rule, files)
        assert all(finding.code == rule.CODE for finding in found)
        return [f"{finding.line} {finding.message}" for finding in found]


@pytest.fixture
def lint() -> Lint:
    return Lint()
