"""A real installation that is hurt on purpose: predictions that never pause, processes found by their role, and what
must hold whatever happened."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import shutil
import signal
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from bench.installation import PROJECT, Installation
from bench.load import Outcome, Target, new_event_loop, open_loop
from tests.support.waiting import until

from modelyard.sdk.client import Client
from modelyard.sdk.folders import read_folder
from modelyard.sdk.pushing import push_folder
from modelyard.sdk.results import Build

RATE_PER_S = 50.0
CALLER = "chaos-app"
# The machine that runs this may be busy with much else; the figures are printed, the bars only tell "again" from "not".
RECOVERY_S_MAX = 90.0
STEPS = ("fetch", "lock", "environment", "check", "record")

MANIFEST = """[model]
name = "{name}"
entry_point = "model:Model"
files = [{files}]
[environment]
dependencies = "requirements.txt"
[schema]
sample = "row.json"
"""
CODE = """import time

class Model:
    def load(self, files):
        time.sleep({load_s})
        self.factor = {factor}

    def predict(self, rows):
        return [{{"y": row["x"] * self.factor}} for row in rows]
"""

_ROLES: dict[str, re.Pattern[str]] = {
    "parent": re.compile(r"-m modelyard\.cli up "),
    "control plane": re.compile(r"-m modelyard\.server "),
    "node agent": re.compile(r"-m modelyard\.node "),
    "launcher": re.compile(r"/node/launcher/__main__\.py "),
    "envoy": re.compile(r"/envoy --config-path "),
    "zygote": re.compile(r"modelyard_worker/zygote\.py "),
}
ROLES = (*_ROLES, "worker")


@dataclass(frozen=True, slots=True)
class Running:
    """A process of an installation."""

    pid: int
    parent_pid: int
    command: str


def list_processes(home: Path) -> list[Running]:
    """Every process whose command line names the home, and everything below one that does."""
    everything: dict[int, Running] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            if after_name[0] != "Z":
                everything[int(folder.name)] = Running(int(folder.name), int(after_name[1]), command)
    found = {pid for pid, one in everything.items() if f"{home}/" in f"{one.command}/" and pid != os.getpid()}
    found |= {pid for pid, one in everything.items() if f" {home} " in one.command and pid != os.getpid()}
    while more := {pid for pid, one in everything.items() if one.parent_pid in found} - found:
        found |= more
    return [everything[pid] for pid in sorted(found)]


def find_role(home: Path, role: str) -> list[int]:
    """The pids that play the role now. A worker is what a zygote has forked: same command line, other parent."""
    running = list_processes(home)
    zygotes = {one.pid for one in running if _ROLES["zygote"].search(one.command)}
    if role in ("zygote", "worker"):
        is_worker = role == "worker"
        return [one.pid for one in running if one.pid in zygotes and (one.parent_pid in zygotes) == is_worker]
    return [one.pid for one in running if _ROLES[role].search(one.command)]


class Traffic:
    """Predictions at a fixed rate from a thread of its own, until `stop`."""

    def __init__(self, target: Target) -> None:
        self._loop = new_event_loop()
        self._stop = asyncio.Event()
        self._outcome: Outcome | None = None
        self._target = target
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        work = open_loop(self._target, RATE_PER_S, 3600.0, connections=16, stop=self._stop)
        self._outcome = self._loop.run_until_complete(work)
        self._loop.close()

    def stop(self) -> Outcome:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(RECOVERY_S_MAX + 60)
        assert self._outcome is not None, "predictions never came back"
        return self._outcome


def longest_gap_s(outcome: Outcome, began: float, ended: float) -> float:
    """The longest time within the window (of `perf_counter`) in which no prediction was answered with 200."""
    good = sorted(at for at, status in outcome.completed_at if status == 200 and began <= at <= ended)
    moments = [began, *good, ended]
    return max(later - earlier for earlier, later in itertools.pairwise(moments))


@dataclass
class Site:
    """A running installation with one live endpoint, `steady`, and a caller of it."""

    installation: Installation
    token: str = ""
    measured: list[str] = field(default_factory=list)
    _pushes: int = 0

    @property
    def home(self) -> Path:
        return self.installation.home

    @property
    def database(self) -> Path:
        return self.home / "control" / "modelyard.db"

    # Use --------------------------------------------------------------------------------------------------------

    def model(self, name: str, *, factor: int = 2, load_s: float = 0.0, requirement: str = "", size: int = 0) -> Path:
        """A folder that pushes as the model; `size` bytes of a file that no other push has."""
        folder = self.installation.folder / f"{name}-{self._pushes}"
        self._pushes += 1
        folder.mkdir()
        (folder / "modelyard.toml").write_text(MANIFEST.format(name=name, files='"ballast.bin"' if size else ""))
        (folder / "model.py").write_text(CODE.format(factor=factor, load_s=load_s))
        (folder / "requirements.txt").write_text(f"{requirement}\n")
        (folder / "row.json").write_text('[{"x": 3}]')
        if size:
            (folder / "ballast.bin").write_bytes(os.urandom(size))
        return folder

    def push(self, folder: Path) -> Build:
        """Asks for the build; does not wait for it."""
        return push_folder(self.installation.client("author"), read_folder(folder), None, author_modules=[])

    def ask(self, timeout_s: float = 30.0) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"}
        url = f"{self.installation.url}/v2/models/{PROJECT}.steady/predict"
        return httpx.post(url, json={"x": 3}, headers=headers, timeout=timeout_s)

    def answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return self.ask().status_code == 200
        return False

    def is_ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.installation.url}/readyz", timeout=5).status_code == 200
        return False

    @contextmanager
    def predictions(self, what: str) -> Iterator[Callable[[], tuple[Outcome, float]]]:
        """Predictions run in the block; the function ends them and gives the outcome and the longest gap."""
        body = json.dumps({"x": 3}).encode()
        headers = {"Authorization": f"Bearer {self.token}"}
        path = f"/v2/models/{PROJECT}.steady/predict"
        traffic = Traffic(Target.post_json("127.0.0.1", self.installation.port, path, body, headers))
        began, ended = time.perf_counter(), False

        def finish() -> tuple[Outcome, float]:
            nonlocal ended
            until_at = time.perf_counter()
            ended = True
            outcome = traffic.stop()
            gap_s = longest_gap_s(outcome, began, until_at)
            line = (
                f"{what}: {len(outcome.completed_at)} predictions, {dict(outcome.statuses)}, "
                f"{outcome.broken} connections broken, longest gap {gap_s:.2f} s"
            )
            self.measured.append(line)
            print(line)
            return outcome, gap_s

        time.sleep(0.5)
        try:
            yield finish
        finally:
            if not ended:
                traffic.stop()

    # Hurt -------------------------------------------------------------------------------------------------------

    def one(self, role: str) -> int:
        """The pid that plays the role; the first when several do."""
        return int(until(lambda: find_role(self.home, role), f"a {role} runs", 30)[0])

    def kill(self, role: str) -> list[int]:
        """kill -9 of everything that plays the role."""
        self.one(role)
        pids = find_role(self.home, role)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pids

    @contextmanager
    def stopped(self, role: str) -> Iterator[int]:
        """The process neither runs nor ends in the block."""
        pid = self.one(role)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield pid
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def wait_for_step(self, number: int, step: str, timeout_s: float = RECOVERY_S_MAX) -> str:
        """As soon as the step of the build has begun; the state it was then seen in. Reads the database beside its
        owner, because HTTP would be too slow to meet a step of milliseconds."""
        query = (
            "SELECT s.state FROM build_steps s JOIN builds b ON b.id = s.build_id WHERE b.number = ? AND s.name = ? "
            "AND s.state NOT IN ('pending', 'queued', 'waiting')"
        )
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:

            def begun() -> str:
                found = connection.execute(query, (number, step)).fetchone()
                return str(found[0]) if found else ""

            return str(until(begun, f"build {number} begins {step}", timeout_s, 0.001))

    @contextmanager
    def next_cell(self) -> Iterator[Callable[[], set[int]]]:
        """The function waits until a process has begun in a cell since the block began, and gives its pids."""
        before = set(find_role(self.home, "worker"))
        yield lambda: set(
            until(lambda: set(find_role(self.home, "worker")) - before, "a cell's process", RECOVERY_S_MAX)
        )

    # What must hold ---------------------------------------------------------------------------------------------

    def wait_build(self, number: int, timeout_s: float = 2 * RECOVERY_S_MAX) -> dict[str, Any]:
        """The build once it has ended, however often the answers break off meanwhile."""
        client = self.installation.client("author")

        def ended() -> dict[str, Any] | None:
            with suppress(Exception):
                document = client.builds.get_build(number).document
                return document if document["state"] in ("succeeded", "failed", "cancelled") else None
            return None

        return dict(until(ended, f"build {number} ends", timeout_s, 0.1))

    def check_recovered(self) -> None:
        """Ready, answering, and nothing half there."""
        until(self.is_ready, "ready again", RECOVERY_S_MAX, 0.1)
        until(self.answers, "predictions again", RECOVERY_S_MAX, 0.1)
        self.check_consistent()

    def check_consistent(self) -> None:
        """No version without its document and files, no blob without its chunks, no chunk without a key, no dead
        connection between tables, an intact audit chain."""
        integrity = self.installation.client().transport.json("GET", "/api/v1/audit/integrity")
        assert integrity["intact"], integrity
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row

            def rows(query: str) -> Sequence[Any]:
                return connection.execute(query).fetchall()

            assert [tuple(row) for row in rows("PRAGMA integrity_check")] == [("ok",)]
            assert rows("PRAGMA foreign_key_check") == []
            files = {(row["project_id"], row["digest"]) for row in rows("SELECT project_id, digest FROM version_files")}
            held = {(row["project_id"], row["digest"]): row["header"] for row in rows("SELECT * FROM blobs")}
            assert files <= set(held)
            keyed = {(row["project_id"], row["chunk_id"]) for row in rows("SELECT * FROM chunk_keys")}
            names = {row["chunk_id"]: row["sealed_name"] for row in rows("SELECT * FROM chunks")}
            assert {chunk_id for _, chunk_id in keyed} == set(names)  # no orphan, on either side
            for (project, digest), header in held.items():
                for chunk in json.loads(header)["chunks"]:
                    chunk_id = chunk["id"] if isinstance(chunk, dict) else chunk[0]
                    assert (project, chunk_id) in keyed, digest
                    name = names[chunk_id]
                    assert (self.home / "control" / "blobs" / "chunks" / name[:2] / name).is_file(), digest
            for row in rows(
                "SELECT v.number, v.document, b.state, b.version, "
                "(SELECT count(*) FROM version_files f WHERE f.version_id = v.id) AS files "
                "FROM versions v JOIN builds b ON b.id = v.build_id"
            ):
                assert json.loads(row["document"])["files"] is not None
                assert row["files"] > 0, row["number"]
                assert (row["state"], row["version"]) == ("succeeded", row["number"])
            made = rows(
                "SELECT id FROM builds WHERE state = 'succeeded' AND version_id NOT IN (SELECT id FROM versions)"
            )
            assert made == []

    def check_one_version(self, model: str, build: dict[str, Any]) -> None:
        """The build succeeded at its first attempt and made the model's only version."""
        assert (build["state"], build["attempt"]) == ("succeeded", 1), build
        versions = list(self.installation.client("author").models.list_versions(PROJECT, model))
        assert [version["version"] for version in versions] == [build["version"]], versions
        assert [step["state"] for step in build["steps"]] == ["succeeded"] * len(STEPS), build["steps"]


class Writer:
    """Writes in a loop, and remembers what was answered with success: none of it may ever be lost."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._stopping = threading.Event()
        self.acknowledged: list[str] = []
        self.refused = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        prefix = f"w{time.time_ns() % 10**10}"
        while not self._stopping.is_set():
            number += 1
            try:
                self._client.projects.add_service_account(PROJECT, f"{prefix}-{number}")
                self.acknowledged.append(f"{prefix}-{number}")
            except Exception:  # noqa: BLE001  whatever was not acknowledged may be lost
                self.refused += 1
            self._stopping.wait(0.05)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(60)

    def check_nothing_lost(self) -> None:
        found = {account["name"] for account in self._client.projects.list_service_accounts(PROJECT)}
        assert self.acknowledged, "nothing was acknowledged"
        assert set(self.acknowledged) <= found, set(self.acknowledged) - found


def make_folder() -> Path:
    """Short, because socket paths are; passable, because workers run as other users."""
    folder = Path(tempfile.mkdtemp(prefix="my-c-", dir="/tmp"))
    folder.chmod(0o711)
    return folder


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """An installation that is up in the folder, with `steady` live; gone with all its processes afterwards."""
    made = Site(Installation(folder))
    try:
        made.installation.up()
        built = made.wait_build(made.push(made.model("steady")).number)
        assert built["state"] == "succeeded", built
        made.installation.release("steady", built["version"])
        made.token, _ = made.installation.caller_token("steady", CALLER)
        until(made.answers, "the first prediction", RECOVERY_S_MAX)
        yield made
    finally:
        for client in made.installation._clients.values():
            client.close()
        made.installation.down()
        left = list_processes(made.home)
        for one in left:
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    assert left == [], left
