"""The check job: load, infer the schema, run examples and tests, all in a cell; its result is a stranger's."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelyard.contracts.canonical import strict_json
from modelyard.contracts.cell_job import RESULT_BYTES_MAX, CellJob, CellJobFailure
from modelyard.contracts.version_document import EnvironmentRef, FileEntry
from modelyard.kernel.errors import ErrorKind, PlatformError
from modelyard.node.cells.job_log import JobLog
from modelyard.node.cells.specs import CellFactory, module_names
from modelyard.node.durable_files import remove_folder
from modelyard.node.environments.materializing import Environments
from modelyard.node.launcher.confinement import CellSpec
from modelyard.node.supervisor.launcher_client import Event, LauncherClient, LauncherGone
from modelyard.node.versions.cache import VersionCache

EXIT_OUT_OF_MEMORY = 71
MEMORY_WORDS = ("MemoryError", "std::bad_alloc", "needs more memory", "Cannot allocate memory", "Unable to allocate")
MEMORY_MIB_DEFAULT = 512
CLOSING_S = 5.0
LAUNCHER_TIMEOUT_S = 30.0
TEXT_CHARS_MAX = 16 * 1024


class OutOfMemory(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.out_of_memory"
    message = "The model needed more than its {memory_mib} MiB."
    hint = "Raise [resources] memory_mib, or make the model smaller."


class CheckTimeout(PlatformError):
    kind = ErrorKind.TIMEOUT
    code = "builds.timeout"
    message = "Loading and testing took more than {timeout_s:.0f} s."
    hint = "Make loading or the tests faster; a model that loads slowly also starts slowly."


class CheckCrashed(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.check_crashed"
    message = "The check ended without a result ({how}).\n{tail}"
    hint = "The lines above are the model's own; run `modelyard test` to see the same on your machine."


class ResultInvalid(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.result_invalid"
    message = "The cell's result can't be used: {reason}."
    hint = "Something in the model writes to result.json; it must not."


class Checks:
    def __init__(
        self, launcher: LauncherClient, cache: VersionCache, environments: Environments, cells: CellFactory
    ) -> None:
        self._launcher = launcher
        self._cache = cache
        self._environments = environments
        self._cells = cells

    async def check(self, job: CellJob, log: JobLog) -> dict[str, Any]:
        """The cell's result. Raises PlatformError, LauncherGone."""
        inputs = job.inputs
        files = tuple(FileEntry(**entry) for entry in inputs["files"])
        reference = EnvironmentRef(**inputs["environment"])
        memory_mib = int(inputs.get("memory_mib") or MEMORY_MIB_DEFAULT)
        lock = (await self._cache.get_blob(reference.lock_digest)).read_text()
        environment = await self._environments.materialize(
            lock, reference.python, inputs.get("index"), job.timeout_s, log.line
        )
        paths: tuple[str, ...] = ()
        if inputs.get("tests"):
            paths = (str(await self._environments.get_test_tools(reference.python, job.timeout_s, log.line)),)
        cell = self._cells.make(job.project_id, environment, memory_mib, module_names(inputs.get("preload")))
        name = f"check-{secrets.token_hex(8)}"
        out_dir = self._cells.make_scratch(job.project_id, name)
        files_dir = out_dir.with_name(f"{name}-files")
        try:
            await self._cache.lay_out(files, files_dir)
            # The cell's own clock ends it in good order; ours, a little later, ends it anyhow.
            spec = {
                **inputs, "project": job.project, "files_dir": str(files_dir),
                "check_timeout_s": max(1.0, job.timeout_s - CLOSING_S),
            }  # fmt: skip
            sample = await self._read_sample(inputs)
            if sample is not None:
                spec["sample"] = sample
            finished = await self._run_again_if_cut_off(job, cell, spec, log, paths, out_dir)
            result = _judge(finished, out_dir, memory_mib, job.timeout_s, log)
        finally:
            await asyncio.to_thread(remove_folder, out_dir)
            await asyncio.to_thread(remove_folder, files_dir)
        # A preview or release follows: its libraries may be imported meanwhile.
        self._launcher.warm(replace(cell, preload=module_names(result.get("preload"))))
        return result

    async def _read_sample(self, inputs: dict[str, Any]) -> Any:
        """The sample rows, which travel as a blob as they do in the version."""
        digest = inputs.get("sample_digest")
        if not digest:
            return None
        return json.loads((await self._cache.get_blob(digest)).read_bytes())

    async def _run_again_if_cut_off(
        self, job: CellJob, cell: CellSpec, spec: dict[str, Any], log: JobLog, paths: tuple[str, ...], out_dir: Path
    ) -> Event:
        """What dies with our launcher or zygote, or by a SIGKILL that is not ours, gets a second run: nothing is wrong
        with the model. Only once, because the killer may be the kernel, short of memory."""
        how = "its process was killed"
        try:
            finished = await self._run(job, cell, spec, log, paths, out_dir)
            if not _is_cut_off(finished):
                return finished
        except LauncherGone:
            how = "the node's launcher ended"
            await self._launcher.wait_ready(LAUNCHER_TIMEOUT_S)
        log.line(f"The check was cut off ({how}); it begins again.")
        await asyncio.to_thread(remove_folder, out_dir)
        self._cells.make_scratch(job.project_id, out_dir.name)
        return await self._run(job, cell, spec, log, paths, out_dir)

    async def _run(
        self, job: CellJob, cell: CellSpec, spec: dict[str, Any], log: JobLog, paths: tuple[str, ...], out_dir: Path
    ) -> Event:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        reading = asyncio.create_task(log.read_pipe(read_end))
        try:
            return await self._launcher.run_check(
                job.job_id, cell, spec, write_end, paths=paths, out_dir=out_dir, timeout_s=job.timeout_s
            )
        finally:
            os.close(write_end)
            # Whoever still holds the pipe was killed with the job.
            await asyncio.wait({reading}, timeout=2.0)
            reading.cancel()


def _is_cut_off(finished: Event) -> bool:
    reason = finished.get("reason")
    return reason == "zygote" or (reason == "exit" and finished.get("status") == -signal.SIGKILL)


def _judge(finished: Event, out_dir: Path, memory_mib: int, timeout_s: float, log: JobLog) -> dict[str, Any]:
    status, reason = finished.get("status"), finished.get("reason")
    if reason == "timeout":
        raise CheckTimeout(timeout_s=timeout_s)
    tail = "\n".join(log.tail[-60:])
    if status == EXIT_OUT_OF_MEMORY or (status != 0 and any(word in tail for word in MEMORY_WORDS)):
        raise OutOfMemory(memory_mib=memory_mib)
    try:
        result = read_result(out_dir / "result.json")
    except FileNotFoundError:
        how = f"killed by signal {-status}" if isinstance(status, int) and status < 0 else f"status {status}, {reason}"
        raise CheckCrashed(how=how, tail=tail) from None
    failure = result.get("failure")
    if failure is not None:
        raise CheckFailed(failure)
    return result


class CheckFailed(Exception):
    """What the cell says is wrong with the model: code, message, hint, details. Shown, and believed in nothing else."""

    def __init__(self, said: Any) -> None:
        said = said if isinstance(said, dict) else {}
        details = said.get("details")
        self.failure = CellJobFailure(
            str(said.get("code", "builds.load_failed"))[:100],
            str(said.get("message", "The check failed."))[:TEXT_CHARS_MAX],
            str(said.get("hint", ""))[:TEXT_CHARS_MAX],
            details if isinstance(details, dict) else {},
        )
        super().__init__(self.failure.message)


def read_result(path: Path) -> dict[str, Any]:
    """A stranger's file: a plain one, of bounded size, one JSON object. Raises FileNotFoundError, ResultInvalid."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as problem:
        raise ResultInvalid(reason=f"it can't be opened: {problem.strerror}") from problem
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ResultInvalid(reason="it is no plain file")
        content = file.read(RESULT_BYTES_MAX + 1)
    if len(content) > RESULT_BYTES_MAX:
        raise ResultInvalid(reason=f"it has more than {RESULT_BYTES_MAX} bytes")
    try:
        # Lone surrogates, such as a test that prints broken text leaves, become question marks: they have no UTF-8.
        text = json.dumps(strict_json(content), ensure_ascii=False).encode("utf-8", "replace")
        value = json.loads(text)
    except ValueError as problem:
        raise ResultInvalid(reason=f"it is no JSON: {problem}") from problem
    if not isinstance(value, dict):
        raise ResultInvalid(reason=f"it is {type(value).__name__}, expected an object")
    return value
