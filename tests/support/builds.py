"""Registry and builds behind the real application, with real DBOS and blob files; a played node answers cell jobs.

The node verifies every order's signature as the real one does, and answers with canned results that a test may change.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from tests.support.application import CHEAP_HASHING, PASSWORD, IdentityApplication, KnownEndpoints
from tests.support.databases import open_database

from modelyard.contracts.cell_job import CellJob
from modelyard.contracts.statements import CELL_JOB_PAYLOAD, Envelope
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.crypto.jwt import Claims, encode_jwt
from modelyard.infra.crypto.key_files import open_signing_key
from modelyard.infra.db import Database, DatabaseSettings
from modelyard.infra.jobs import Jobs, JobsSettings
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.ids import new_id
from modelyard.server.app import create_app
from modelyard.server.settings import BuildsSection, IdentitySection, ServerSection, ServerSettings
from modelyard.server.wiring import Platform
from modelyard.server.wiring_builds import Builds, wire_builds
from modelyard.server.wiring_identity import wire_identity
from modelyard.trust.attestations import verify
from modelyard.trust.keys import KeyRing, read_node_trust

LOCK = f"numpy==2.0.0 \\\n    --hash=sha256:{'ab' * 32}\n"
PACKAGES = [{"name": "numpy", "version": "2.0.0", "licence": "BSD-3-Clause"}]
COLUMN = {"shape": [], "nullable": False, "kind": "number", "categories": []}
MANIFEST = """[model]
name = "mine"
entry_point = "model:Tumour"
files = ["model.bin"]
description = "Tumour triage"
licence = "Apache-2.0"
tags = ["oncology"]
card = "CARD.md"
[environment]
dependencies = "requirements.txt"
[schema]
sample = "row.json"
[data]
training = "train.csv"
label = "diagnosis"
[tests]
paths = ["tests"]
[[examples]]
input = "row.json"
expect.label = "benign"
"""
FILES = {
    "model.py": b"class Tumour:\n    pass\n",
    "model.bin": b"\x00\x01\x02" * 100,
    "train.py": b"print('trained')\n",
    "requirements.txt": b"numpy\n",
    "row.json": b'{"area": 2.0}',
    "CARD.md": b"# Card\n",
    "metrics.json": b'{"auc": 0.9}',
    "train.csv": b"area,diagnosis\n1.0,b\n3.0,m\n",
    "tests/test_model.py": b"def test_one(model): pass\n",
}


def check_result(**changes: Any) -> dict[str, Any]:
    """What a cell says of a model with one input and one output."""
    return {
        "schema": {
            "inputs": [{"name": "area", "datatype": "FP64", **COLUMN}],
            "outputs": [{"name": "label", "datatype": "BYTES", **COLUMN, "kind": "text"}],
            "key": "",
            "layout": "frame",
        },
        "preload": ["numpy"],
        "deterministic": True,
        "sample_output": [{"label": "benign"}],
        "examples": [{"index": 0, "passed": True, "message": ""}],
        "tests": {"passed": 1, "failed": 0, "skipped": 0, "output": "1 passed"},
        "load_s": 0.1,
        "predict_ms": 1.0,
        **changes,
    }


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class PlayedNode:
    """Polls for orders in a thread. `answers` maps a kind to a function from the job to the body of its result;
    one that returns None lets the job go unanswered. `jobs` are those seen, in order."""

    def __init__(self, app: Any, folder: Path) -> None:
        self.key = open_signing_key(folder / "node.pem")
        self.trust = read_node_trust(folder / "trust.json")
        self.client = TestClient(app, base_url="http://testserver")
        self.boot = f"boot-{secrets.token_hex(4)}"
        self.jobs: list[CellJob] = []
        self.questions: Callable[[str, dict[str, Any]], dict[str, Any]] = lambda kind, params: {"echo": kind, **params}
        self.answers: dict[str, Callable[[CellJob], dict[str, Any] | None]] = {
            "lock": lambda _: {"result": {"lock": LOCK, "packages": [{"name": "numpy", "version": "2.0.0"}]}},
            "materialize": lambda _: {
                "result": {
                    "environment_digest": "sha256:" + "e" * 64, "size_bytes": 5 << 20, "reused": False,
                    "packages": PACKAGES, "licences": {},
                }
            },
            "check": lambda _: {"result": check_result()},
        }  # fmt: skip
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def headers(self) -> dict[str, str]:
        now, me = int(time.time()), self.trust.node_id
        claims = Claims(me, "modelyard-control", me, new_id("tk"), "node", now, now + 60)
        return {"authorization": f"Bearer {encode_jwt(claims, self.key)}"}

    def get(self, path: str, **params: Any) -> Any:
        return self.client.get(path, params=params, headers=self.headers())

    def post(self, path: str, body: Any) -> Any:
        return self.client.post(path, json=body, headers=self.headers())

    def poll(self, wait_s: float = 0.0) -> list[CellJob]:
        """New orders, each verified; questions are answered at once."""
        answer = self.get("/node/v1/orders", wait_s=wait_s, boot=self.boot)
        if answer.status_code == 204:
            return []
        assert answer.status_code == 200, answer.text
        for question in answer.json()["queries"]:
            self.post(f"/node/v1/queries/{question['id']}", self.questions(question["kind"], question["params"]))
        jobs = []
        for envelope in answer.json()["jobs"]:
            payload = verify(Envelope.from_json(envelope), CELL_JOB_PAYLOAD, self.trust.order_keys)
            jobs.append(CellJob.from_json(json.loads(payload)))
        self.jobs += jobs
        return jobs

    def work(self, job: CellJob) -> None:
        body = self.answers[job.kind](job)
        if body is None:
            return
        self.post(f"/node/v1/jobs/{job.job_id}/log", {"lines": [f"doing {job.kind}"]})
        self.post(f"/node/v1/jobs/{job.job_id}/result", {"job_id": job.job_id, "seconds": 0.5, **body})

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._loop, name="played-node", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None

    def _loop(self) -> None:
        while not self._stopping.is_set():
            for job in self.poll(wait_s=0.2):
                self.work(job)


@dataclass
class BuildsApplication(IdentityApplication):
    """`author` is a developer and `reader` a viewer of project `demo`; `stranger` is in none."""

    builds: Builds | None = None
    node: PlayedNode | None = None
    folder: Path = Path()
    clients: dict[str, TestClient] = field(default_factory=dict)

    @property
    def node_folder(self) -> Path:
        return self.folder / "node"

    @property
    def author(self) -> TestClient:
        return self.clients["author"]

    def upload(
        self, files: dict[str, bytes], project: str = "demo", client: TestClient | None = None
    ) -> list[dict[str, Any]]:
        """Sends what is missing; returns the entries of a build request."""
        client = client or self.author
        entries = [{"path": p, "digest": digest(c), "size_bytes": len(c)} for p, c in files.items()]
        base = f"/api/v1/projects/{project}/blobs"
        missing = client.post(f"{base}/missing", json={"digests": [e["digest"] for e in entries]})
        assert missing.status_code == 200, missing.text
        contents = {digest(c): c for c in files.values()}
        for one in missing.json()["missing"]:
            put = client.put(f"{base}/{one}", content=contents[one])
            assert put.status_code == 201, put.text
        return entries

    def start(
        self, files: dict[str, bytes] | None = None, manifest: str = MANIFEST, *, headers: dict[str, str] | None = None,
        **source: Any,
    ) -> Any:  # fmt: skip
        """The answer to a build request for the folder."""
        entries = self.upload(FILES if files is None else files)
        body = {"source": {"kind": "upload", "manifest": manifest, "files": entries, **source}}
        return self.author.post("/api/v1/projects/demo/builds", json=body, headers=headers)

    def wait(
        self, number: int, *, states: tuple[str, ...] = ("succeeded", "failed", "cancelled"), limit_s: float = 20
    ) -> dict[str, Any]:
        until = time.monotonic() + limit_s
        while True:
            build: dict[str, Any] = self.author.get(f"/api/v1/builds/{number}").json()
            if build["state"] in states:
                return build
            assert time.monotonic() < until, build
            time.sleep(0.02)

    def push(self, files: dict[str, bytes] | None = None, manifest: str = MANIFEST, **source: Any) -> dict[str, Any]:
        """A build, ended."""
        answer = self.start(files, manifest, **source)
        assert answer.status_code == 202, answer.text
        return self.wait(answer.json()["number"])

    def events(self, number: int) -> list[dict[str, Any]]:
        answer = self.author.get(f"/api/v1/builds/{number}/events", params={"format": "json"})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@contextmanager
def builds_application(
    url: str,
    folder: Path,
    prepare: Callable[[BuildsApplication], None] = lambda _: None,
    **settings: Any,
) -> Iterator[BuildsApplication]:
    """Identity, registry and builds over the database at the URL; jobs run, the node polls. `prepare` may change the
    node's answers before it starts; people and project are made unless they are there."""
    clock = SystemClock()
    database, lookups = open_database(url, clock), Database(DatabaseSettings(url))
    keys, endpoints = KeyRing.open(folder / "keys"), KnownEndpoints()
    projects = ProjectService(clock)
    identity = wire_identity(
        IdentitySection(), database, lookups, clock, keys, projects, endpoints, lambda _: None, CHEAP_HASHING
    )
    jobs_settings = JobsSettings(f"sqlite:///{folder / 'jobs.db'}", scan_s=0.2, first_pause_s=0.05, listen_s=0.1)
    jobs = Jobs(database, jobs_settings, clock)
    section = BuildsSection(**{"job_timeout_s": 20.0, "allow_local_git": True, **settings})
    builds = wire_builds(section, database, clock, keys, projects, identity.nodes, jobs, folder / "blobs")
    desired: dict[str, str] = {}
    platform = Platform(
        ServerSettings(server=ServerSection(home=folder)),
        database,
        clock,
        identity.authenticator,
        identity.authorizer,
        slice_routers=[*identity.routers(), *builds.routers(lambda _node, digest: desired.get(digest))],
    )
    app = create_app(platform)
    site = BuildsApplication(app, database, identity, keys, clock, endpoints, [], builds, folder=folder)
    with database.transaction() as uow:
        identity.nodes.enrol_local(uow, folder / "node")
    site.node = PlayedNode(app, folder / "node")
    prepare(site)
    jobs.start()
    site.node.start()
    try:
        site.clients = _people(site)
        yield site
    finally:
        site.node.stop()
        jobs.stop()
        lookups.close()
        database.close()


def _people(site: BuildsApplication) -> dict[str, TestClient]:
    names = ("author", "reader", "stranger")
    if site.client().post("/api/v1/sessions", json={"user": "author", "password": PASSWORD}).status_code == 201:
        return {name: site.log_in(name) for name in names}
    admin = site.administrator()
    people = {name: site.make_user(admin, name) for name in names}
    site.make_project(admin, "demo", developer="author", viewer="reader")
    return people
