"""Which Pythons this machine has."""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelyard.node.durable_files import write_durably
from modelyard.node.environments.errors import PythonMissing
from modelyard.node.environments.uv import Uv
from modelyard.node.settings import NodeSettings

_WANTED = re.compile(r"3\.\d{1,2}")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """`version` is the full one, such as 3.11.7; `path` the real file, no virtual environment's link."""

    path: str
    version: str

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])


class Interpreters:
    """Asked of uv, which knows all the places that distributions and people put Python in; remembered in a file, as
    looking takes a second that a restart should not."""

    def __init__(self, settings: NodeSettings, uv: Uv) -> None:
        self._settings = settings
        self._uv = uv
        self._remembered_in = settings.node_dir / "pythons.json"
        self._found: list[Interpreter] = []
        self._looking = asyncio.Lock()

    @property
    def known(self) -> list[Interpreter]:
        """Those found so far, without looking."""
        if not self._found:
            self._found = _recall(self._remembered_in)
        return self._found

    async def find_all(self) -> list[Interpreter]:
        """CPython interpreters, the operator's choice first, then by version, latest first."""
        async with self._looking:
            outcome = await self._uv.run(
                ["python", "list", "--only-installed", "--offline", "--output-format", "json"],
                what="Looking for Python", timeout_s=60.0,
            )  # fmt: skip
            self._found = self._select(outcome.output)
            _remember(self._remembered_in, self._found)
        return self._found

    async def get(self, python: str) -> Interpreter:
        """For `major.minor`. Raises PythonMissing with the list of those there are."""
        if _WANTED.fullmatch(python):
            for find in (self._known, self.find_all):
                for interpreter in await find():
                    if interpreter.minor == python:
                        return interpreter
        found = self.known or await self.find_all()
        listing = ", ".join(dict.fromkeys(interpreter.version for interpreter in found)) or "none"
        raise PythonMissing(python=python, found=listing)

    async def _known(self) -> list[Interpreter]:
        return self.known

    def _select(self, listing: str) -> list[Interpreter]:
        try:
            rows = json.loads(listing or "[]")
        except ValueError:
            rows = []
        found: dict[str, Interpreter] = {}
        for row in rows:
            if row.get("implementation") != "cpython" or not row.get("path") or "+freethreaded" in row.get("key", ""):
                continue
            path = os.path.realpath(row["path"])
            if os.access(path, os.X_OK):
                found.setdefault(path, Interpreter(path, row["version"]))
        chosen = [os.path.realpath(path) for path in self._settings.pythons]
        order = {path: position for position, path in enumerate(chosen)}
        ordered = sorted(found.values(), key=lambda i: [-int(n) for n in re.findall(r"\d+", i.version)[:3]])
        # Of root's node, those that every uid can walk to come before those that a cell needs a way opened to.
        return sorted(ordered, key=lambda i: (order.get(i.path, len(order)), not is_reachable(Path(i.path))))


def _stamp(path: str) -> list[int]:
    found = os.stat(path)
    return [found.st_size, found.st_mtime_ns]


def _remember(file: Path, found: list[Interpreter]) -> None:
    rows = [[interpreter.path, interpreter.version, _stamp(interpreter.path)] for interpreter in found]
    with suppress(OSError):
        write_durably(file, json.dumps(rows).encode())


def _recall(file: Path) -> list[Interpreter]:
    """What was remembered, if every one of them is still the same file; else nothing."""
    try:
        rows = json.loads(file.read_text())
        same = all(_stamp(path) == stamp for path, _version, stamp in rows)
        return [Interpreter(path, version) for path, version, _stamp_of in rows] if same else []
    except (OSError, ValueError, TypeError):
        return []


def is_reachable(path: Path) -> bool:
    """Whether any uid can walk to the path: a cell of root's node runs under its own uid. True if we are not root."""
    if os.geteuid() != 0:
        return True
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)
