"""A real installation in a folder of its own, driven by the public command line, for measurements."""

from __future__ import annotations

import contextlib
import json
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

READY_S_MAX = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installation:
    """`up` in a temporary home. `cli("push", ...)` runs a command as a profile and returns its JSON."""

    def __init__(self, home: Path, *, server_cpu: int | None = None) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = home / "config"
        self._password = home / "admin-password"
        self._server_cpu = server_cpu
        self._process: subprocess.Popen[bytes] | None = None

    def up(self) -> float:
        """Starts it; returns the seconds until `/readyz` says 200 through Envoy."""
        self.home.mkdir(parents=True, exist_ok=True)
        if not self._password.exists():
            self._password.write_text(secrets.token_urlsafe(16))
            self._password.chmod(0o600)
        command = [sys.executable, "-m", "modelyard.cli.main", "up", "--home", str(self.home / "installation")]
        command += ["--port", str(self.port), "--admin-password-file", str(self._password)]
        if self._server_cpu is not None and shutil.which("taskset"):
            command = ["taskset", "-c", str(self._server_cpu), *command]
        with (self.home / "up.log").open("ab") as log:
            begin = time.perf_counter()
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        while not self._ready():
            if self._process.poll() is not None or time.perf_counter() - begin > READY_S_MAX:
                raise RuntimeError(
                    f"not ready, see {self.home / 'up.log'}:\n{(self.home / 'up.log').read_text()[-3000:]}"
                )
            time.sleep(0.005)
        return time.perf_counter() - begin

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def down(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)

    def cli(self, *arguments: str, profile: str = "admin", cwd: Path | None = None) -> Any:
        """Runs a command; its JSON, or None when it printed nothing. Raises with what it said when it fails."""
        command = [sys.executable, "-m", "modelyard.cli.main", "--profile", profile, "--json", *arguments]
        environment = {**os.environ, "MODELYARD_CONFIG_DIR": str(self._config), "MODELYARD_URL": self.url}
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(
                f"modelyard {' '.join(arguments)} failed ({done.returncode}):\n{done.stderr}{done.stdout}"
            )
        return json.loads(done.stdout) if done.stdout.strip() else None

    def login(self, user: str, password: str) -> None:
        file = self.home / f"password-{user}"
        file.write_text(password)
        file.chmod(0o600)
        self.cli("login", "--url", self.url, "--user", user, "--password-file", str(file), profile=user)

    def admin_password(self) -> str:
        return self._password.read_text()


@contextlib.contextmanager
def installation(*, server_cpu: int | None = None) -> Iterator[Installation]:
    """One that is up, and gone with all its files afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="modelyard-bench-"))
    made = Installation(folder, server_cpu=server_cpu)
    try:
        made.up()
        yield made
    finally:
        made.down()
        shutil.rmtree(folder, ignore_errors=True)
