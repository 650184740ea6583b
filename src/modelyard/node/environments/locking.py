"""From what a person wrote to a lock that pins every package by hash. Deterministic for one state of the index."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from modelyard.node.environments.errors import DependencyUnresolved, IndexUnreachable, RequirementRefused
from modelyard.node.environments.interpreters import Interpreters
from modelyard.node.environments.uv import Uv

REQUIREMENTS_BYTES_MAX = 1024 * 1024
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def check_requirements(text: str, *, locked: bool = False) -> None:
    """Raises RequirementRefused for lines that would make uv read files or addresses of the writer's choosing.

    In a lock `--hash=sha256:…` continues a line; everything else that begins with a hyphen is refused in both.
    """
    if len(text.encode()) > REQUIREMENTS_BYTES_MAX:
        raise RequirementRefused(number=1, line="…", reason=f"all lines together exceed {REQUIREMENTS_BYTES_MAX} bytes")
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split(" #")[0].strip()
        if not line or line.startswith("#") or (locked and line.startswith("--hash=sha256:")):
            continue
        if line.startswith("-"):
            raise RequirementRefused(number=number, line=line[:200], reason="options are the operator's to set")
        named = line.split(";")[0]
        if "@" in named or "://" in named or "/" in named or named.startswith("."):
            raise RequirementRefused(number=number, line=line[:200], reason="expected a package name, not an address")


def list_packages(lock: str) -> list[dict[str, str]]:
    """`[{name, version}]` in the lock's order."""
    return [{"name": name, "version": version} for name, version in _PINNED.findall(lock)]


class Locker:
    def __init__(self, uv: Uv, interpreters: Interpreters) -> None:
        self._uv = uv
        self._interpreters = interpreters

    async def lock(
        self, requirements: str, python: str, index: str, timeout_s: float, on_line: Callable[[str], None]
    ) -> dict[str, Any]:
        """`{lock, packages}`. Raises PythonMissing, RequirementRefused, IndexUnknown, DependencyUnresolved,
        IndexUnreachable, UvTimeout."""
        check_requirements(requirements)
        interpreter = await self._interpreters.get(python)
        arguments = [
            "pip", "compile", "-", "--python", interpreter.path, "--python-version", python,
            "--only-binary", ":all:", "--generate-hashes", "--no-emit-index-url", "--no-header", "--no-annotate",
            *self._uv.index_arguments(index),
        ]  # fmt: skip
        outcome = await self._uv.run(
            arguments, what="Locking the dependencies", timeout_s=timeout_s, index=index, given=requirements
        )
        if outcome.status != 0:
            if outcome.is_network_problem:
                raise IndexUnreachable(explanation=outcome.explanation)
            raise DependencyUnresolved(python=python, explanation=outcome.explanation)
        packages = list_packages(outcome.output)
        on_line(f"locked {len(packages)} packages for Python {interpreter.version}")
        return {"lock": outcome.output, "packages": packages}
