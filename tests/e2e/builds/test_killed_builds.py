"""kill -9 of the control plane at every step of a build: after the restart it goes on, and nothing is there by half."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROCESS = Path(__file__).with_name("build_process.py")
MORE = ["fetch", "lock", "lock-stored", "materialize", "checked"]
PLACES = ["check", "version-uncommitted", *(pytest.param(place, marks=pytest.mark.kill_matrix) for place in MORE)]


@pytest.mark.parametrize("place", PLACES)
def test_killed_build_ends_in_one_version(tmp_path: Path, place: str) -> None:
    command = [sys.executable, "-W", "ignore", str(PROCESS), str(tmp_path)]
    killed = subprocess.run([*command, place], timeout=90, check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    resumed = subprocess.run(command, timeout=90, check=False, capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    told = json.loads(resumed.stdout)
    assert (told["build"]["state"], told["build"]["attempt"]) == ("succeeded", 1), told["build"]
    assert [version["version"] for version in told["versions"]] == ["1.0.0"]
    steps = [
        event["data"]["step"]
        for event in told["events"]
        if event["data"].get("state") == "succeeded" and "step" in event["data"]
    ]
    assert steps == ["fetch", "lock", "environment", "check", "record"]
    assert [event["event"] for event in told["events"]].count("done") == 1
