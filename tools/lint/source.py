"""The source tree as the rules see it: parsed files with their module names, and findings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

SKIP = re.compile(r"#\s*lint-skip:\s*(?P<code>[a-z-]+)\s*(?P<reason>.*)$")
TEMPLATES = "modelyard.cli.examples."
FOLDERS = ("src", "worker/src", "tests", "tools", "bench", "examples")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    path: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.code} {self.message}"


@dataclass(frozen=True)
class Source:
    """One Python file. `path` is relative to the repository; `module` is dotted, `tests.unit.…` for tests."""

    path: str
    module: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def syntax_error(self) -> str:
        """What stops it from being parsed; empty if nothing."""
        try:
            _ = self.tree
        except SyntaxError as error:
            return f"line {error.lineno}: {error.msg}"
        return ""

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node; walked once, since most rules look at all of them."""
        return list(ast.walk(self.tree))

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def package(self) -> str:
        """`modelyard`, `modelyard_worker`, `tests`, …"""
        return self.module.partition(".")[0]

    @property
    def room(self) -> str:
        """`deployment` for modelyard.deployment.releases.store; empty outside modelyard and for its root."""
        parts = self.module.split(".")
        return parts[1] if parts[0] == "modelyard" and len(parts) > 1 else ""

    @property
    def stem(self) -> str:
        return Path(self.path).stem

    @property
    def is_product(self) -> bool:
        """Not what `modelyard init` copies into a data scientist's folder: that is their code."""
        return self.package in {"modelyard", "modelyard_worker"} and not self.module.startswith(TEMPLATES)

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """`(line, dotted name)`, also inside functions and TYPE_CHECKING; `from a import b` gives `a.b`."""
        found: list[tuple[int, str]] = []
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found += [(node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found += [(node.lineno, f"{self._from(node)}.{alias.name}") for alias in node.names]
        return found

    def _from(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.module.split(".")
        if not self.path.endswith("__init__.py"):
            parts = parts[:-1]
        parts = parts[: len(parts) - node.level + 1]
        return ".".join([*parts, *([node.module] if node.module else [])])

    def skip_on(self, line: int, code: str) -> str | None:
        """The reason given on that line for skipping the rule; empty when none was given, None without a mark."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        match = SKIP.search(text)
        return match["reason"].strip() if match and match["code"] == code else None

    def at(self, line: int, code: str, message: str) -> Finding:
        return Finding(self.path, line, code, message)


@dataclass(frozen=True)
class Tree:
    """All files, and the words of `order.toml`."""

    sources: tuple[Source, ...]
    order: dict[str, object] = field(default_factory=dict)

    def product(self) -> Iterator[Source]:
        return (source for source in self.sources if source.is_product)


def module_name(relative: Path) -> str:
    parts = list(relative.with_suffix("").parts)
    if parts[0] == "src":
        parts = parts[1:]
    elif parts[:2] == ["worker", "src"]:
        parts = parts[2:]
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(parts)


def read_sources(root: Path) -> tuple[Source, ...]:
    """Reads every Python file of the repository's folders."""
    sources = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            relative = path.relative_to(root)
            if not any(part.startswith(".") or part == "__pycache__" for part in relative.parts):
                sources.append(Source(relative.as_posix(), module_name(relative), path.read_text(encoding="utf-8")))
    return tuple(sources)


def matches(module: str, patterns: list[str]) -> bool:
    """Patterns: `modelyard.infra.db` (that module and all below), `modelyard.*.store` (a star is one part or more)."""
    return any(re.fullmatch(pattern_regex(pattern), module) for pattern in patterns)


def pattern_regex(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", r"[\w.]+") + r"(\.[\w.]+)?"
