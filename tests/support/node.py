"""A real node agent with a peer that orders it about: signed like the control plane, kept in memory, misbehaving on
demand. For tests of the data plane that need no control plane."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import secrets
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
from tests.support.waiting import until

from modelyard.contracts.canonical import canonical_json, digest_bytes
from modelyard.contracts.cell_job import CellJob
from modelyard.contracts.desired_state import (
    CallerState,
    DesiredState,
    EndpointState,
    PreviewState,
    SplitState,
    VersionState,
)
from modelyard.contracts.statements import (
    CELL_JOB_PAYLOAD,
    DESIRED_STATE_PAYLOAD,
    IN_TOTO_PAYLOAD,
    PreviewStatement,
    ReleaseStatement,
)
from modelyard.contracts.version_document import (
    Column,
    Entry,
    EnvironmentRef,
    FileEntry,
    ModelSchema,
    Resources,
    Scaling,
    VersionDocument,
)
from modelyard.infra.crypto.jwt import Claims, encode_jwt
from modelyard.infra.crypto.key_files import open_signing_key
from modelyard.infra.processes.paths import run_dir
from modelyard.kernel.clock import to_rfc3339
from modelyard.kernel.ids import new_id
from modelyard.trust.attestations import sign
from modelyard.trust.keys import KeyRing, NodeTrust, write_node_trust

T = TypeVar("T")
CALLER = "sa_caller"
PROJECT, PROJECT_ID = "demo", "pj_demo"
DOUBLER = """
class Model:
    def load(self, files):
        self.factor = int((files / "factor.txt").read_text())

    def predict(self, rows):
        return [{"y": row["x"] * self.factor} for row in rows]
"""


def wait_for(what: Callable[[], T], timeout_s: float = 20.0, pause_s: float = 0.02) -> T:
    """The first true value of `what()`. Raises AssertionError after the time."""
    return until(what, "what the node was to do", timeout_s, pause_s)


class ControlPlanePeer:
    """Answers `/node/v1` on a Unix socket. What the node posts is kept; `away` lets every request fail."""

    def __init__(self, socket_path: Path) -> None:
        self.changed = threading.Condition()
        self.state: dict[str, Any] | None = None
        self.number = 0
        self.jobs: list[dict[str, Any]] = []
        self.queries: list[dict[str, Any]] = []
        self.blobs: dict[str, bytes] = {}
        self.statuses: list[dict[str, Any]] = []
        self.results: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, list[str]] = {}
        self.answers: dict[str, Any] = {}
        self.tokens: set[str] = set()
        self.away = False
        self.node_ended: Callable[[], bool] = lambda: False
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                peer.get(self)

            def do_POST(self) -> None:
                peer.post(self)

            def log_message(self, *_arguments: Any) -> None:
                pass

            def address_string(self) -> str:
                return "node"

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_arguments: Any) -> None:
                pass

        socket_path.unlink(missing_ok=True)
        self._server = Server(str(socket_path), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True, kwargs={"poll_interval": 0.05}).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def give(self, envelope: dict[str, Any], number: int) -> None:
        with self.changed:
            self.state, self.number = envelope, number
            self.changed.notify_all()

    def order(self, *, job: dict[str, Any] | None = None, query: dict[str, Any] | None = None) -> None:
        with self.changed:
            self.jobs += [job] if job else []
            self.queries += [query] if query else []
            self.changed.notify_all()

    def get(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        if self.away:
            handler.close_connection = True
            return
        self.tokens.add(handler.headers["authorization"])
        url = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path.startswith("/node/v1/blobs/"):
            blob = self.blobs.get(url.path.rpartition("/")[2])
            _send(handler, 404 if blob is None else 200, blob or b"")
            return
        wait_s = min(float(query.get("wait_s", "0")), 5.0)
        with self.changed:
            if url.path == "/node/v1/desired-state":
                after = int(query["after"])
                self.changed.wait_for(lambda: self.state is not None and self.number > after, wait_s)
                found = self.state if self.number > after else None
                _send(handler, 200 if found else 204, json.dumps(found).encode() if found else b"")
            else:
                self.changed.wait_for(lambda: self.jobs or self.queries, wait_s)
                orders = {"jobs": self.jobs, "queries": self.queries}
                # A node that was killed while it waited never got them.
                if _send(handler, 200, json.dumps(orders).encode()):
                    self.jobs, self.queries = [], []

    def post(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        if self.away:
            handler.close_connection = True
            return
        parts = handler.path.split("/")
        with self.changed:
            if parts[3] == "status":
                self.statuses.append(body)
            elif parts[3] == "queries":
                self.answers[parts[4]] = body
            elif parts[5] == "log":
                self.logs.setdefault(parts[4], []).extend(body["lines"])
            else:
                self.results[parts[4]] = body
            self.changed.notify_all()
        _send(handler, 204, b"")

    def wait_status(self, fits: Callable[[dict[str, Any]], bool], timeout_s: float = 30.0) -> dict[str, Any]:
        """The first last status that fits."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = [status for status in self.statuses[-1:] if fits(status)]
            return bool(found)

        assert self._wait(look, timeout_s), f"the last status is {json.dumps(self.statuses[-1:])}"
        return found[0]

    def wait_result(self, job_id: str, timeout_s: float = 120.0) -> dict[str, Any]:
        assert self._wait(lambda: job_id in self.results, timeout_s), f"no result came; log: {self.logs.get(job_id)}"
        return self.results[job_id]

    def _wait(self, what: Callable[[], bool], timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        with self.changed:
            while not self.changed.wait_for(what, 0.5):
                if self.node_ended() or time.monotonic() > deadline:
                    return False
            return True


def _send(handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes) -> bool:
    """Whether anybody was there to take it."""
    try:
        handler.send_response(status)
        if status != 204:
            handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        return True
    except OSError:
        return False


def make_home() -> Path:
    """A home that cells of other uids can walk into (pytest's own folders are closed to them)."""
    home = Path(tempfile.mkdtemp(prefix="my-node-", dir="/tmp"))
    home.chmod(0o711)
    return home


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Version:
    """A pushed version: its state for the node, and what signs it."""

    state: VersionState
    document: VersionDocument


@dataclass
class Node:
    """Home, keys, peer and agent process of one test node."""

    home: Path
    environments: Path | None = None
    port: int = field(default_factory=free_port)
    number: int = 0
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.ring = KeyRing.open(self.home / "control" / "keys")
        self.node_dir = self.home / "node"
        self.node_dir.mkdir(mode=0o700)
        self.trust = NodeTrust.of(self.ring, new_id("no"))
        write_node_trust(self.node_dir / "trust.json", self.trust)
        open_signing_key(self.node_dir / "node.pem")
        if self.environments is not None:
            (self.node_dir / "environments").symlink_to(self.environments)
        self.run_dir = run_dir(self.home)
        self.run_dir.mkdir(mode=0o700, exist_ok=True)
        self.peer = ControlPlanePeer(self.run_dir / "control.sock")
        self.peer.node_ended = lambda: self.process is not None and self.process.poll() is not None
        self.releases = 0

    # The agent ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        log = (self.home / "agent.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "modelyard.node", "--home", str(self.home), "--port", str(self.port)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def stop(self, sent: signal.Signals = signal.SIGTERM, timeout_s: float = 30.0) -> int:
        assert self.process is not None
        self.process.send_signal(sent)
        return self.process.wait(timeout_s)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop(timeout_s=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.peer.close()
        for root, folders, _files in os.walk(self.home):
            for name in folders:
                path = Path(root) / name
                if not path.is_symlink():
                    path.chmod(0o700)
        shutil.rmtree(self.home, ignore_errors=True)
        if not self.run_dir.is_relative_to(self.home):
            shutil.rmtree(self.run_dir, ignore_errors=True)

    def log(self) -> str:
        return (self.home / "agent.log").read_text()

    # What it is told ----------------------------------------------------------------------------------------------

    def blob(self, content: bytes) -> str:
        digest = digest_bytes(content)
        self.peer.blobs[digest] = content
        return digest

    def version(
        self, name: str, files: dict[str, bytes], *, lock: str = "", entry: Entry | None = None,
        schema: ModelSchema | None = None, sample: list[dict[str, Any]] | None = None,
        sample_output: list[dict[str, Any]] | None = None, preload: tuple[str, ...] = (), idle_s: int = 300,
        memory_mib: int = 512, python: str = "3.11", project: str = PROJECT, project_id: str = PROJECT_ID,
        replicas_min: int = 0, timeout_s: float = 10.0,
    ) -> Version:  # fmt: skip
        schema = schema or ModelSchema((Column("x", "FP64"),), (Column("y", "FP64"),), layout="dicts")
        document = VersionDocument(
            files=tuple(FileEntry(path, self.blob(data), len(data)) for path, data in files.items()),
            environment=EnvironmentRef(python, self.blob(lock.encode())),
            entry=entry or Entry("python", entry_point="model:Model"),
            schema=schema,
            resources=Resources(memory_mib=memory_mib, timeout_s=timeout_s),
            scaling=Scaling(replicas_min=replicas_min, idle_s=idle_s),
            preload=preload,
        )
        state = VersionState(
            new_id("ve"), project, project_id, "model", name, document.digest, document.to_json(), sample, sample_output
        )
        return Version(state, document)

    def doubler(self, name: str = "1.0.0", factor: int = 2, **options: Any) -> Version:
        """A model without dependencies: y = factor · x."""
        files = {"model.py": DOUBLER.encode(), "factor.txt": str(factor).encode()}
        options.setdefault("sample", [{"x": 1.5}])
        options.setdefault("sample_output", [{"y": 1.5 * factor}])
        return self.version(name, files, **options)

    def release(
        self, version: Version, endpoint_id: str = "ep_one", endpoint: str = "one", **changes: Any
    ) -> SplitState:
        self.releases += 1
        state = version.state
        facts: dict[str, Any] = {
            "installation": self.ring.installation, "project": state.project, "endpoint": endpoint,
            "endpoint_id": endpoint_id, "release_id": f"re_{self.releases}", "release_number": self.releases,
            "model": state.model, "version": state.version, "version_id": state.version_id,
            "version_digest": state.digest, "author": "author", "approver": "reviewer", "why": "test",
            "approved_at": to_rfc3339(datetime.now(UTC)), "evidence_digest": digest_bytes(b""), **changes,
        }  # fmt: skip
        statement = ReleaseStatement(**facts)
        envelope = sign(IN_TOTO_PAYLOAD, statement.to_payload(), self.ring.release).to_json()
        return SplitState(state.version_id, f"re_{self.releases}", self.releases, 100, envelope)

    def preview(
        self, version: Version, life: timedelta = timedelta(hours=1), issued: datetime | None = None
    ) -> PreviewState:
        state, issued = version.state, issued or datetime.now(UTC)
        expires = to_rfc3339(issued + life)
        statement = PreviewStatement(
            self.ring.installation, state.project, state.model, state.version, state.version_id, state.digest,
            "author", to_rfc3339(issued), expires,
        )  # fmt: skip
        envelope = sign(IN_TOTO_PAYLOAD, statement.to_payload(), self.ring.release).to_json()
        callers = (CallerState(CALLER, "caller", "looking"),)
        return PreviewState(state.version_id, state.project, state.model, state.version, callers, envelope, expires)

    def endpoint(
        self, split: SplitState | None, standby: tuple[SplitState, ...] = (), name: str = "one", **options: Any
    ) -> EndpointState:
        callers = (CallerState(CALLER, "caller", "test"), CallerState("node-probe", "probe", "probing"))
        options.setdefault("timeout_s", 10.0)
        return EndpointState(
            f"ep_{name}", PROJECT, PROJECT_ID, name, (split,) if split else (), callers, standby, **options
        )

    def token(self, subject: str = CALLER, kind: str = "api", life_s: int = 3600) -> str:
        now = int(time.time())
        claims = Claims(self.ring.installation, "modelyard", subject, new_id("tk"), kind, now, now + life_s, PROJECT)
        return encode_jwt(claims, self.ring.token)

    def desire(
        self, *endpoints: EndpointState, versions: tuple[Version, ...], previews: tuple[PreviewState, ...] = (),
        number: int | None = None, lease_s: float = 3600.0,
    ) -> dict[str, Any]:  # fmt: skip
        """Signs and gives a desired state; returns its envelope."""
        self.number = self.number + 1 if number is None else number
        now = datetime.now(UTC)
        state = DesiredState(
            self.ring.installation, self.number, to_rfc3339(now), to_rfc3339(now + timedelta(seconds=lease_s)),
            self.ring.token_jwks(), self.token("node-probe"), tuple(version.state for version in versions),
            endpoints, previews,
        )  # fmt: skip
        envelope = sign(DESIRED_STATE_PAYLOAD, canonical_json(state.to_json()), self.ring.order).to_json()
        self.peer.give(envelope, self.number)
        return envelope

    def job(
        self, kind: Any, inputs: dict[str, Any], timeout_s: float = 120.0, **changes: Any
    ) -> tuple[str, dict[str, Any]]:
        """Signs a cell job; returns its id and envelope."""
        now = datetime.now(UTC)
        facts: dict[str, Any] = {
            "job_id": new_id("jo"), "kind": kind, "node_id": self.trust.node_id, "project": PROJECT,
            "project_id": PROJECT_ID, "issued_at": to_rfc3339(now),
            "expires_at": to_rfc3339(now + timedelta(minutes=5)), "inputs": inputs, "timeout_s": timeout_s, **changes,
        }  # fmt: skip
        job = CellJob(**facts)
        return job.job_id, sign(CELL_JOB_PAYLOAD, canonical_json(job.to_json()), self.ring.order).to_json()

    def run_job(self, kind: Any, inputs: dict[str, Any], timeout_s: float = 120.0) -> dict[str, Any]:
        job_id, envelope = self.job(kind, inputs, timeout_s)
        self.peer.order(job=envelope)
        return self.peer.wait_result(job_id, timeout_s + 30)

    def check_inputs(self, version: Version, **changes: Any) -> dict[str, Any]:
        document = version.document
        sample = json.dumps(version.state.sample).encode()
        return {
            "files": [asdict(entry) for entry in document.files], "entry": asdict(document.entry),
            "environment": asdict(document.environment), "layout": document.schema.layout,
            "sample_digest": self.blob(sample) if version.state.sample else "", "schema": None, "key": "",
            "preload": [], "examples": [], "tests": {}, "timeout_s": 10.0, "memory_mib": 512, **changes,
        }  # fmt: skip

    # What it does -------------------------------------------------------------------------------------------------

    def wait_live(self, split: SplitState, timeout_s: float = 60.0) -> dict[str, Any]:
        def is_live(status: dict[str, Any]) -> bool:
            return any(e["release_id"] == split.release_id and e["live_at"] for e in status["endpoints"])

        return self.peer.wait_status(is_live, timeout_s)

    def predict(self, rows: list[dict[str, Any]], path: str = f"/v2/models/{PROJECT}.one/predict") -> httpx.Response:
        return httpx.post(
            f"http://127.0.0.1:{self.port}{path}", json={"rows": rows}, timeout=60.0,
            headers={"authorization": f"Bearer {self.token()}"}, trust_env=False,
        )  # fmt: skip

    def processes(self) -> dict[int, str]:
        """Every living process that has this home in its command line, or descends from one that has."""
        return find_processes(str(self.home))


def find_processes(marker: str) -> dict[int, str]:
    """pid -> command of processes whose command line or open files name the marker; zombies do not count."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            links = [os.readlink(link) for link in (entry / "fd").iterdir()]
            where = os.readlink(entry / "cwd")
            if state != "Z" and (marker in command or marker in where or any(marker in link for link in links)):
                found[int(entry.name)] = command
    return found


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12] + secrets.token_hex(2)
