"""From a lock to a folder with Python and packages: `environments/<digest>`, complete or absent, read-only.

Packages are copied, never hard-linked: a link would give a cell the cache's own bytes to write to.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import sysconfig
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from modelyard.contracts.canonical import DIGEST_PREFIX, digest_bytes, digest_of
from modelyard.node.durable_files import make_read_only, publish_folder, remove_folder
from modelyard.node.environments.errors import EnvironmentBroken, IndexUnreachable
from modelyard.node.environments.interpreters import Interpreter, Interpreters
from modelyard.node.environments.locking import check_requirements
from modelyard.node.environments.uv import Uv, UvOutcome

RECORD = "modelyard-environment.json"
# What runs a model's tests; beside the lock, so that it never decides what the model is served with.
TEST_TOOLS = ("pytest>=9,<10",)


@dataclass(frozen=True, slots=True)
class MaterializedEnvironment:
    """`digest` names lock, Python and platform together. `packages`: [{name, version, licence}]."""

    digest: str
    folder: Path
    python_version: str
    size_bytes: int
    packages: tuple[dict[str, str], ...]
    reused: bool

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def licences(self) -> dict[str, list[str]]:
        """Licence text or expression -> names of packages under it."""
        by_licence: dict[str, list[str]] = {}
        for package in self.packages:
            by_licence.setdefault(package["licence"], []).append(package["name"])
        return by_licence


def environment_digest(lock: str, interpreter: Interpreter) -> str:
    """The same lock is another environment under another Python or platform."""
    return digest_of({
        "lock": digest_bytes(lock.encode()), "python": interpreter.version, "platform": sysconfig.get_platform(),
    })  # fmt: skip


class Environments:
    def __init__(self, root: Path, uv: Uv, interpreters: Interpreters) -> None:
        self._root = root
        self._uv = uv
        self._interpreters = interpreters
        self._locks: dict[str, asyncio.Lock] = {}
        root.mkdir(parents=True, exist_ok=True)
        os.chmod(root, 0o711)

    async def materialize(
        self, lock: str, python: str, index: str | None, timeout_s: float, on_line: Callable[[str], None]
    ) -> MaterializedEnvironment:
        """The environment, made now if it is not there. Two callers share one making. Raises PythonMissing,
        RequirementRefused, EnvironmentBroken, IndexUnreachable, UvTimeout."""
        check_requirements(lock, locked=True)
        interpreter = await self._interpreters.get(python)
        digest = environment_digest(lock, interpreter)
        final = self._root / digest.removeprefix(DIGEST_PREFIX)
        reused = await self._make_once(
            final, lambda partial: self._fill(partial, lock, interpreter, index, timeout_s, on_line)
        )
        return _read_record(final, digest, reused)

    async def get_test_tools(self, python: str, timeout_s: float, on_line: Callable[[str], None]) -> Path:
        """A folder to put on `sys.path` of check jobs that have tests."""
        interpreter = await self._interpreters.get(python)
        final = self._root / f"tools-{interpreter.version}"

        async def fill(partial: Path) -> None:
            arguments = ["pip", "install", "--target", str(partial), "--python", interpreter.path]
            arguments += [
                "--link-mode",
                "copy",
                "--only-binary",
                ":all:",
                "--compile-bytecode",
                *self._uv.index_arguments("default"),
            ]
            _check(await self._uv.run(
                [*arguments, *TEST_TOOLS], what="Installing the test tools", timeout_s=timeout_s, on_line=on_line
            ))  # fmt: skip

        await self._make_once(final, fill)
        return final

    async def _make_once(self, final: Path, fill: Callable[[Path], Any]) -> bool:
        """True if it was there. A crash leaves only a `.partial-` folder, which the next maker removes."""
        if final.is_dir():
            return True
        async with self._alone(final):
            if final.is_dir():
                return True
            for leftover in final.parent.glob(f"{final.name}.partial-*"):
                remove_folder(leftover)
            partial = final.with_name(f"{final.name}.partial-{secrets.token_hex(6)}")
            try:
                await fill(partial)
                await asyncio.to_thread(_seal, partial)
                publish_folder(partial, final)
            except BaseException:
                remove_folder(partial)
                raise
            return False

    @asynccontextmanager
    async def _alone(self, final: Path) -> AsyncIterator[None]:
        """One maker per folder: within this process by a lock, between processes by a locked file."""
        async with self._locks.setdefault(final.name, asyncio.Lock()):
            descriptor = os.open(final.with_name(f"{final.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                while True:
                    try:
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    except BlockingIOError:
                        await asyncio.sleep(0.1)
                yield
            finally:
                os.close(descriptor)

    async def _fill(
        self, partial: Path, lock: str, interpreter: Interpreter, index: str | None, timeout_s: float,
        on_line: Callable[[str], None],
    ) -> None:  # fmt: skip
        _check(await self._uv.run(
            ["venv", "--relocatable", "--no-project", "--python", interpreter.path, str(partial)],
            what="Making the environment", timeout_s=timeout_s,
        ))  # fmt: skip
        arguments = ["pip", "sync", "-", "--require-hashes", "--link-mode", "copy", "--compile-bytecode"]
        arguments += ["--only-binary", ":all:", "--allow-empty-requirements", "--python", str(partial / "bin/python")]
        arguments += self._uv.index_arguments(index)
        _check(await self._uv.run(
            arguments, what="Installing the environment", timeout_s=timeout_s, index=index, given=lock, on_line=on_line
        ))  # fmt: skip
        record = await asyncio.to_thread(_describe, partial, interpreter)
        (partial / RECORD).write_text(json.dumps(record, indent=1))


def _check(outcome: UvOutcome) -> None:
    if outcome.status != 0:
        if outcome.is_network_problem:
            raise IndexUnreachable(explanation=outcome.explanation)
        raise EnvironmentBroken(explanation=outcome.explanation)


def _seal(folder: Path) -> None:
    """Read-only, and on the disk before it gets its name."""
    make_read_only(folder)
    os.sync()


def _describe(folder: Path, interpreter: Interpreter) -> dict[str, Any]:
    size_bytes = 0
    for root, _folders, files in os.walk(folder):
        size_bytes += sum(os.lstat(os.path.join(root, name)).st_size for name in files)
    packages = [_read_metadata(path) for path in sorted(folder.glob("lib/python*/site-packages/*.dist-info/METADATA"))]
    return {"python_version": interpreter.version, "size_bytes": size_bytes, "packages": packages}


def _read_metadata(path: Path) -> dict[str, str]:
    headers = HeaderParser().parsestr(path.read_text(errors="replace"))
    licence = headers.get("License-Expression") or ""
    if not licence:
        classified = [c.rpartition(" :: ")[2] for c in headers.get_all("Classifier", []) if c.startswith("License ::")]
        # A `License` header may hold the whole text; its first line names it.
        stated = str(headers.get("License") or "").strip().splitlines()
        licence = ", ".join(classified) or (stated[0][:100] if stated else "unknown")
    return {"name": str(headers["Name"]), "version": str(headers["Version"]), "licence": str(licence)}


def _read_record(folder: Path, digest: str, reused: bool) -> MaterializedEnvironment:
    record = json.loads((folder / RECORD).read_text())
    return MaterializedEnvironment(
        digest, folder, record["python_version"], record["size_bytes"], tuple(record["packages"]), reused
    )
