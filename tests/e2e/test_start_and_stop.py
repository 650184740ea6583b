"""One installation starts, ends and starts again: at once, cleanly, and leaving nothing behind."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modelyard.cli.settings import child_environment
from modelyard.infra.processes.paths import run_dir

pytestmark = pytest.mark.timeout(300)
READY_TIMEOUT_S = 120.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_ready(port: int) -> bool:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False


def start(home: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "modelyard.cli", "up", "--home", str(home), "--port", str(port)]
    up = subprocess.Popen(
        [*command, "--admin-password-file", str(home.parent / "password")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=child_environment(),
    )  # fmt: skip
    ends = time.monotonic() + READY_TIMEOUT_S
    while not is_ready(port):
        assert up.poll() is None, f"it ended with {up.returncode}"
        assert time.monotonic() < ends, f"not ready within {READY_TIMEOUT_S} s"
        time.sleep(0.05)
    return up


def stop(up: subprocess.Popen[bytes]) -> int:
    up.send_signal(signal.SIGTERM)
    return up.wait(60)


def processes_of(home: Path) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (folder / "cmdline").read_bytes().decode(errors="replace")
            if str(home) in line:
                found.append(line)
    return found


def log_of(home: Path, name: str) -> str:
    return (home / "logs" / name).read_text()


def test_up_started_twice_in_one_home_is_ready_and_ends_cleanly_each_time(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    for _ in range(2):
        up = start(home, port)
        try:
            assert stop(up) == 0
        finally:
            up.kill()
            up.wait()
        assert processes_of(home) == []
    control, node = log_of(home, "control.log"), log_of(home, "node.log")
    assert "Traceback" not in control
    assert "graceful shutdown exceeded" not in control  # the node's long polls were ended, not cut off
    assert "alembic" not in control
    assert "Traceback" not in node
    assert "does not answer" not in node.splitlines()[0]


def test_request_that_comes_before_the_control_plane_is_imported_waits_for_its_answer(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "node").mkdir(parents=True)
    command = [sys.executable, "-m", "modelyard.server", "--home", str(home)]
    with (tmp_path / "control.log").open("wb") as log:
        control = subprocess.Popen(command, stdout=log, stderr=log, env=child_environment())
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(READY_TIMEOUT_S)
            ends = time.monotonic() + READY_TIMEOUT_S
            while connection.connect_ex(str(run_dir(home) / "control.sock")) != 0:
                assert time.monotonic() < ends, (tmp_path / "control.log").read_text()
                time.sleep(0.001)
            assert "Started server process" not in (tmp_path / "control.log").read_text()
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: control\r\nConnection: close\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    finally:
        control.terminate()
        assert control.wait(60) == 0
