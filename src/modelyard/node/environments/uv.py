"""Running uv: with our settings only, never a project's or user's configuration, always ended with its caller."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from modelyard.infra.processes.children import start_piped_child
from modelyard.node.environments.errors import IndexUnknown, UvTimeout
from modelyard.node.settings import NodeSettings, PackageIndex

OUTPUT_BYTES_MAX = 16 * 1024 * 1024
EXPLANATION_CHARS_MAX = 4000


@dataclass(frozen=True, slots=True)
class UvOutcome:
    status: int
    output: str
    errors: str

    @property
    def explanation(self) -> str:
        """What uv says to people, trimmed."""
        text = self.errors.strip() or self.output.strip() or f"uv ended with status {self.status}"
        return text if len(text) <= EXPLANATION_CHARS_MAX else text[:EXPLANATION_CHARS_MAX] + "\n…"

    @property
    def is_network_problem(self) -> bool:
        signs = ("failed to fetch", "error sending request", "dns error", "connection refused", "timed out",
                 "network connectivity is disabled", "certificate")  # fmt: skip
        return any(sign in self.errors.lower() for sign in signs)


class Uv:
    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings

    def index_arguments(self, name: str | None) -> list[str]:
        """Arguments for one named index, or for all of them: with pinned hashes the source does not matter.

        Raises IndexUnknown.
        """
        if name is not None:
            index = self._index(name)
            return ["--default-index", index.url] if index.url else []
        arguments = []
        for known, index in self._settings.indexes.items():
            if index.url:
                arguments += ["--default-index" if known == "default" else "--index", index.url]
        return arguments

    def _index(self, name: str) -> PackageIndex:
        if name not in self._settings.indexes:
            raise IndexUnknown(index=name, known=", ".join(sorted(self._settings.indexes)))
        return self._settings.indexes[name]

    def _environment(self, index: str | None) -> dict[str, str]:
        environment = dict(self._settings.inherited)
        environment |= {"UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1", "LANG": "C.UTF-8"}
        if self._settings.uv_cache is not None:
            environment["UV_CACHE_DIR"] = str(self._settings.uv_cache)
        ca_file = self._index(index).ca_file if index else ""
        ca_file = ca_file or next((known.ca_file for known in self._settings.indexes.values() if known.ca_file), "")
        if ca_file:
            environment["SSL_CERT_FILE"] = ca_file
        elif "SSL_CERT_FILE" not in environment and ssl.get_default_verify_paths().cafile:
            # As pip does: an organization's own authority is in the system's store.
            environment.setdefault("UV_SYSTEM_CERTS", "1")
        return environment

    async def run(
        self, arguments: list[str], *, what: str, timeout_s: float, index: str | None = None, given: str = "",
        on_line: Callable[[str], None] | None = None,
    ) -> UvOutcome:  # fmt: skip
        """Runs `uv ARGUMENTS`; `given` is its input, `on_line` gets each line of its errors as it comes.

        Raises UvTimeout. Killed when the caller is cancelled.
        """
        process = await start_piped_child(
            [self._settings.uv, "--no-config", *arguments],
            environment=self._environment(index), directory="/", line_bytes_max=1 << 20,
        )  # fmt: skip
        try:
            async with asyncio.timeout(timeout_s):
                output, errors, _ = await asyncio.gather(
                    _read_all(process.stdout, None), _read_all(process.stderr, on_line), _feed(process, given)
                )
                return UvOutcome(await process.wait(), output, errors)
        except TimeoutError as problem:
            raise UvTimeout(what=what, timeout_s=timeout_s) from problem
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                await process.wait()


async def _feed(process: asyncio.subprocess.Process, given: str) -> None:
    if process.stdin is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(given.encode())
        await process.stdin.drain()
    process.stdin.close()


async def _read_all(stream: asyncio.StreamReader | None, on_line: Callable[[str], None] | None) -> str:
    lines: list[str] = []
    size = 0
    while stream is not None and (line := await stream.readline()):
        size += len(line)
        text = line.decode(errors="replace")
        if size <= OUTPUT_BYTES_MAX:
            lines.append(text)
        if on_line is not None and text.strip():
            on_line(text.rstrip())
    return "".join(lines)
