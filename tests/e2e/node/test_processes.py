"""Who dies with whom: no process outlives what it belongs to, and what was not asked to die is replaced."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.node import Node, make_home, wait_for

SPAWNER = b"""
import subprocess
class Model:
    def load(self, files):
        # As a rude model would: in a session of its own, its parent gone at once.
        subprocess.run(["/bin/sh", "-c", "setsid /bin/sleep 98765 & true"])
    def predict(self, rows):
        return [{"y": row["x"] * 2} for row in rows]
"""


@pytest.fixture
def live(environments: Path) -> Iterator[Node]:
    """A node with a worker that has left a stray process behind."""
    node = Node(make_home(), environments)
    node.start()
    version = node.version("1.0.0", {"model.py": SPAWNER}, sample=[{"x": 1.0}], sample_output=[{"y": 2.0}])
    split = node.release(version)
    node.desire(node.endpoint(split), versions=(version,))
    node.wait_live(split)
    yield node
    node.close()


def pid_of(node: Node, part: str) -> int:
    found = [pid for pid, command in node.processes().items() if part in command]
    assert found, f"no {part} in {node.processes()}"
    return found[0]


def worker_pid(node: Node) -> int:
    status = node.peer.wait_status(lambda s: bool(s["replicas"] and s["replicas"][0]["pid"]))
    return int(status["replicas"][0]["pid"])


def descendants(pid: int) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = {pid}
    while grown := {child for child, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda s: s.name)
def test_agent_ended_leaves_no_process(live: Node, sent: signal.Signals) -> None:
    before = descendants(live.pid)
    assert len(before) >= 5, "agent, envoy, launcher, zygote, worker, stray"
    live.stop(sent)
    wait_for(lambda: not [pid for pid in before if is_alive(pid)], timeout_s=15)


def test_launcher_killed_is_replaced_and_leaves_no_process(live: Node) -> None:
    launcher = pid_of(live, "launcher/__main__.py")
    before = descendants(launcher)
    os.kill(launcher, signal.SIGKILL)
    wait_for(lambda: not [pid for pid in before if is_alive(pid)], timeout_s=15)
    wait_for(lambda: live.predict([{"x": 2.0}]).status_code == 200, timeout_s=20)


def test_zygote_killed_takes_its_workers_and_is_replaced(live: Node) -> None:
    worker, zygote = worker_pid(live), pid_of(live, "zygote.py")
    os.kill(zygote, signal.SIGKILL)
    wait_for(lambda: not is_alive(worker), timeout_s=5)
    wait_for(lambda: live.predict([{"x": 2.0}]).status_code == 200, timeout_s=20)


def test_worker_killed_leaves_no_stray_and_is_replaced(live: Node) -> None:
    worker = worker_pid(live)
    strays = [pid for pid in descendants(live.pid) if b"98765" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert strays
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not [pid for pid in strays if is_alive(pid)], timeout_s=10)
    wait_for(lambda: live.predict([{"x": 2.0}]).status_code == 200, timeout_s=20)


def test_envoy_killed_is_replaced(live: Node) -> None:
    os.kill(pid_of(live, "envoy"), signal.SIGKILL)

    def answers() -> bool:
        try:
            return live.predict([{"x": 2.0}]).status_code == 200
        except httpx.HTTPError:
            return False

    wait_for(answers, timeout_s=20)


def test_second_agent_of_a_home_is_refused(live: Node) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "modelyard.node", "--home", str(live.home), "--port", "1"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode == 2
    assert "another node agent" in second.stderr


@pytest.mark.root
def test_worker_parent_death_after_setuid(live: Node) -> None:
    """Setting another uid clears the parent-death signal; a worker must have set it afterwards."""
    worker, zygote = worker_pid(live), pid_of(live, "zygote.py")
    for pid in (worker, zygote):
        status: dict[str, Any] = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        assert status["Uid"].split() == [str(200_000)] * 4
        assert status["CapEff"] == "0" * 16
        assert status["NoNewPrivs"] == "1"
    launcher = pid_of(live, "launcher/__main__.py")
    os.kill(launcher, signal.SIGSTOP)
    try:
        # Stopped, so that it can clean up nothing itself: only the kernel is left to end them.
        os.kill(launcher, signal.SIGKILL)
        wait_for(lambda: not is_alive(zygote) and not is_alive(worker), timeout_s=5)
    finally:
        if is_alive(launcher):
            os.kill(launcher, signal.SIGCONT)


@pytest.mark.root
def test_home_below_a_closed_folder_still_serves() -> None:
    """A cell's uid can't walk through root's own folders; its files are put within reach, and nothing else."""
    closed = make_home()
    home = closed / "deep" / "home"
    home.mkdir(parents=True)
    closed.chmod(0o700)
    secret = closed / "secret"
    secret.write_text("not for cells")
    node = Node(home)
    try:
        node.start()
        code = f"""
import os
import shutil
class Model:
    def predict(self, rows):
        return [{{"y": float(os.path.exists({str(secret)!r}))}} for _ in rows]
"""
        version = node.version("1.0.0", {"model.py": code.encode()}, sample=[{"x": 1.0}], sample_output=[{"y": 0.0}])
        split = node.release(version)
        node.desire(node.endpoint(split), versions=(version,))
        node.wait_live(split)
    finally:
        node.close()
        shutil.rmtree(closed, ignore_errors=True)
