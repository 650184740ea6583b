"""A real installation in a folder of its own, driven by the public client library, for measurements."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from modelyard.sdk.client import Client
from modelyard.sdk.folders import read_folder
from modelyard.sdk.pushing import push_folder

READY_S_MAX = 60.0
ROOT = Path(__file__).resolve().parent.parent
PROJECT = "bench"
PEOPLE = {"author": "developer", "reviewer": "reviewer", "owner": "owner"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installation:
    """`modelyard up` in a temporary folder. With `server_cpu` its whole process tree keeps to that core; `options` go
    to `up`."""

    def __init__(self, folder: Path, *, server_cpu: int | None = None, options: Sequence[str] = ()) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.home = folder / "home"
        self._password = folder / "admin-password"
        self._server_cpu = server_cpu
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: dict[str, Client] = {}

    def up(self) -> float:
        """Starts it; returns the seconds until `/readyz` says 200 through Envoy."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._password.exists():
            self._password.write_text(secrets.token_urlsafe(16))
            self._password.chmod(0o600)
        command = [sys.executable, "-m", "modelyard.cli", "up", "--home", str(self.home), "--port", str(self.port)]
        command += ["--admin-password-file", str(self._password), *self._options]
        if self._server_cpu is not None and shutil.which("taskset"):
            command = ["taskset", "-c", str(self._server_cpu), *command]
        with (self.folder / "up.log").open("ab") as log:
            begin = time.perf_counter()
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        while not self._is_ready():
            if self._process.poll() is not None or time.perf_counter() - begin > READY_S_MAX:
                raise RuntimeError(f"not ready:\n{(self.folder / 'up.log').read_text()[-3000:]}")
            time.sleep(0.005)
        return time.perf_counter() - begin

    def down(self) -> float:
        """Seconds until every process was gone."""
        begin = time.perf_counter()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
        return time.perf_counter() - begin

    def close(self) -> None:
        """Closes every client."""
        while self._clients:
            self._clients.popitem()[1].close()

    def client(self, name: str = "admin") -> Client:
        """Logged in; `author`, `reviewer` and `owner` are made with their role in the project at the first call."""
        if name not in self._clients:
            password = self._password.read_text().strip() if name == "admin" else secrets.token_urlsafe(12)
            if name != "admin":
                self._add_person(name, password)
            with Client(self.url) as anonymous:
                session = anonymous.accounts.log_in(name, password)
            self._clients[name] = Client(self.url, session.token, project=PROJECT)
        return self._clients[name]

    def _add_person(self, name: str, password: str) -> None:
        admin = self.client()
        if PROJECT not in {project.name for project in admin.projects.list_projects()}:
            admin.projects.add_project(PROJECT)
        admin.accounts.add_user(name, password=password)
        admin.projects.grant(PROJECT, name, PEOPLE[name])

    def example(self, name: str = "tumour") -> Path:
        """A folder of the example, trained, that pushes as its own model."""
        folder = self.folder / name
        shutil.copytree(ROOT / "examples" / "tumour", folder)
        manifest = (folder / "modelyard.toml").read_text()
        (folder / "modelyard.toml").write_text(manifest.replace('name = "tumour"', f'name = "{name}"'))
        train(folder, weak=True)
        return folder

    def push(self, folder: Path) -> str:
        """Builds the folder as the author; the version's number."""
        author = self.client("author")
        build = author.builds.wait(push_folder(author, read_folder(folder), None).number)
        if build.state != "succeeded":
            raise RuntimeError(f"build {build.number}: {build.document.get('error')}")
        return build.version

    def release(self, model: str, version: str) -> float:
        """Requests, approves, waits; the milliseconds from approved to live."""
        requested = self.client("author").releases.request(
            PROJECT, endpoint=model, model=model, version=version, why="bench"
        )
        self.client("reviewer").releases.approve(requested.number, "bench")
        live = self.client("reviewer").releases.wait_live(requested.number)
        milliseconds = live.document.get("approved_to_live_ms")
        if milliseconds is None:
            raise RuntimeError(f"release {live.number} is {live.state}: {live.document.get('problem')}")
        return float(milliseconds)

    def caller_token(self, endpoint: str, caller: str = "bench-app") -> tuple[str, str]:
        """A service account allowed there: its token and the token's id."""
        owner = self.client("owner")
        held = {(p.caller, p.endpoint) for p in owner.projects.list_pairings(PROJECT)}
        if (caller, endpoint) not in held:
            owner.projects.allow(PROJECT, caller, endpoint, "measurement")
        token = owner.projects.add_token(PROJECT, principal=caller)
        return token.token, token.jti

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def train(folder: Path, *, weak: bool) -> None:
    arguments = ["--weak"] if weak else []
    subprocess.run([sys.executable, "train.py", *arguments], cwd=folder, check=True, capture_output=True)


@contextlib.contextmanager
def installation(*, server_cpu: int | None = None, options: Sequence[str] = ()) -> Iterator[Installation]:
    """One that is up, and gone with all its files afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="modelyard-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    folder.chmod(0o711)
    made = Installation(folder, server_cpu=server_cpu, options=options)
    try:
        made.up()
        yield made
    finally:
        made.close()
        made.down()
        shutil.rmtree(folder, ignore_errors=True)
