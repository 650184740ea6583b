"""Builds' work on the node: locking, materializing, checking; and orders that must not be obeyed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.node import Node, make_home, wait_for

from modelyard.contracts.version_document import Column, Entry, ModelSchema
from modelyard.kernel.clock import to_rfc3339

FEATURES = [f"f{number}" for number in range(4)]


@pytest.fixture(scope="module")
def trained() -> tuple[bytes, list[dict[str, Any]], list[dict[str, Any]]]:
    """A fitted pipeline as skops bytes, two rows, and what it says of them."""
    import numpy as np
    import pandas as pd
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(7)
    table = pd.DataFrame(random.normal(size=(80, 4)), columns=FEATURES)
    pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, (table.f0 + table.f1 > 0).astype(int))
    rows = [dict(zip(FEATURES, map(float, values), strict=True)) for values in table.head(2).to_numpy()]
    return skops.io.dumps(pipe), rows, [{"prediction": int(p)} for p in pipe.predict(table.head(2))]


@pytest.fixture(scope="module")
def running(environments: Path) -> Iterator[Node]:
    """One node for all jobs of this module: jobs are independent by design."""
    node = Node(make_home(), environments)
    node.start()
    yield node
    node.close()


def failure_of(result: dict[str, Any]) -> dict[str, Any]:
    assert result["result"] is None, result
    return dict(result["failure"])


def test_lock_pins_every_package_by_hash(running: Node) -> None:
    result = running.run_job("lock", {"requirements": "six==1.17.0\n", "python": "3.11", "index": "default"})
    assert result["failure"] is None
    assert result["result"]["packages"] == [{"name": "six", "version": "1.17.0"}]
    assert "--hash=sha256:" in result["result"]["lock"]
    again = running.run_job("lock", {"requirements": "six==1.17.0\n", "python": "3.11", "index": "default"})
    assert again["result"]["lock"] == result["result"]["lock"]


@pytest.mark.parametrize(
    ("inputs", "code", "said"),
    [
        ({"requirements": "six", "python": "3.6"}, "builds.python_missing", "3.11"),
        ({"requirements": "six==99.0", "python": "3.11"}, "builds.dependency_unresolved", "six==99.0"),
        ({"requirements": "-r /etc/passwd", "python": "3.11"}, "builds.requirement_refused", "options"),
        ({"requirements": "six @ file:///etc", "python": "3.11"}, "builds.requirement_refused", "address"),
        ({"requirements": "six", "python": "3.11", "index": "secret"}, "builds.index_unknown", "default"),
        ({"python": "3.11"}, "builds.job_invalid", "requirements"),
    ],
)
def test_lock_that_fails_says_why(running: Node, inputs: dict[str, str], code: str, said: str) -> None:
    failure = failure_of(running.run_job("lock", inputs))
    assert failure["code"] == code
    assert said in failure["message"]


def test_materialize_twice_makes_once() -> None:
    node = Node(make_home())
    try:
        node.start()
        locked = node.run_job("lock", {"requirements": "six==1.17.0\n", "python": "3.11", "index": "default"})
        inputs = {"lock_digest": node.blob(locked["result"]["lock"].encode()), "python": "3.11", "index": "default"}
        ids = []
        for _ in range(2):
            job_id, envelope = node.job("materialize", inputs)
            ids.append(job_id)
            node.peer.order(job=envelope)
        results = [node.peer.wait_result(job_id)["result"] for job_id in ids]
        assert sorted(result["reused"] for result in results) == [False, True]
        first = results[0]
        assert first["packages"] == [{"name": "six", "version": "1.17.0", "licence": "MIT License"}]
        assert first["licences"] == {"MIT License": ["six"]}
        folder = node.node_dir / "environments" / first["environment_digest"].removeprefix("sha256:")
        assert not [path for path in folder.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o222]
        assert not list(folder.parent.glob("*.partial-*"))
    finally:
        node.close()


def test_materialize_killed_leaves_nothing_half_made() -> None:
    node = Node(make_home())
    try:
        node.start()
        locked = node.run_job("lock", {"requirements": "numpy>=2,<3\n", "python": "3.11", "index": "default"})
        inputs = {"lock_digest": node.blob(locked["result"]["lock"].encode()), "python": "3.11", "index": "default"}
        _, envelope = node.job("materialize", inputs)
        node.peer.order(job=envelope)
        root = node.node_dir / "environments"
        wait_for(lambda: list(root.glob("*.partial-*/lib")), 60, pause_s=0.005)
        node.stop(signal.SIGKILL)
        wait_for(lambda: not node.processes(), timeout_s=10)
        names = [path.name for path in root.iterdir() if path.is_dir()]
        assert all(".partial-" in name for name in names)
        assert names
        # The job was taken; another one gets it done, and clears the remains.
        node.start()
        result = node.run_job("materialize", inputs)
        assert result["result"]["reused"] is False
        assert not list(root.glob("*.partial-*"))
    finally:
        node.close()


def test_check_then_release_of_scikit_learn_model_answers(running: Node, scikit_lock: str, trained: Any) -> None:
    artifact, rows, _expected = trained
    schema = ModelSchema(tuple(Column(name, "FP64") for name in FEATURES), ())
    entry = Entry("artifact", artifact="model.skops", artifact_format="skops")
    draft = running.version(
        "1.0.0", {"model.skops": artifact}, lock=scikit_lock, entry=entry, schema=schema, sample=rows
    )
    inputs = running.check_inputs(draft, layout="")
    started = time.monotonic()
    checked = running.run_job("check", inputs)
    first_s = time.monotonic() - started
    assert checked["failure"] is None, checked
    result = checked["result"]
    assert result["deterministic"] is True
    assert any(name.partition(".")[0] == "sklearn" for name in result["preload"])
    started = time.monotonic()
    assert running.run_job("check", inputs)["failure"] is None
    warm_s = time.monotonic() - started
    from modelyard.contracts.version_document import schema_from_json

    version = running.version(
        "1.0.0", {"model.skops": artifact}, lock=scikit_lock, entry=entry, schema=schema_from_json(result["schema"]),
        sample=rows, sample_output=result["sample_output"], preload=tuple(result["preload"]), idle_s=1,
    )  # fmt: skip
    split = running.release(version)
    started = time.monotonic()
    running.desire(running.endpoint(split), versions=(version,))
    running.wait_live(split)
    live_s = time.monotonic() - started
    answer = running.predict(rows)
    assert answer.json()["predictions"] == result["sample_output"]
    name = version.state.version_id

    def is_idle(status: dict[str, Any]) -> bool:
        return any(r["version_id"] == name and r["phase"] == "idle" for r in status["replicas"])

    cold_ms = []
    for _ in range(3):
        running.peer.wait_status(is_idle, timeout_s=60)
        started = time.monotonic()
        assert running.predict(rows).status_code == 200
        cold_ms.append(round((time.monotonic() - started) * 1000))
        running.peer.wait_status(lambda s: not is_idle(s))
    print(f"check {first_s:.2f} s, warm {warm_s:.2f} s, live {live_s:.2f} s, cold {cold_ms} ms")


@pytest.mark.parametrize(
    ("code", "changes", "expected"),
    [
        (b"import time\ntime.sleep(600)\n", {}, "builds.timeout"),
        (b"held = bytearray(2 << 30)\n", {}, "builds.out_of_memory"),
        (b"import os\nos.abort()\n", {}, "builds.check_crashed"),
        (b"raise RuntimeError('broken at import')\n", {}, "builds.entry_point"),
    ],
    ids=["hangs", "eats memory", "aborts", "raises"],
)
def test_check_that_fails_says_why(running: Node, code: bytes, changes: dict[str, Any], expected: str) -> None:
    version = running.version("1.0.0", {"model.py": code}, sample=[{"x": 1.0}])
    result = running.run_job("check", running.check_inputs(version, **changes), timeout_s=8.0)
    assert failure_of(result)["code"] == expected
    assert list((running.node_dir / "scratch").glob("*/check-*")) == []


def test_check_streams_its_log_and_leaves_no_process(running: Node) -> None:
    code = (
        b"import subprocess, sys\nprint('hello from the model')\n"
        b"subprocess.Popen(['/bin/sleep', '777'], start_new_session=True)\n"
        b"class Model:\n    def predict(self, rows):\n        return [{'y': 1.0} for _ in rows]\n"
    )
    version = running.version("1.0.0", {"model.py": code}, sample=[{"x": 1.0}])
    job_id, envelope = running.job("check", running.check_inputs(version))
    running.peer.order(job=envelope)
    assert running.peer.wait_result(job_id)["failure"] is None
    assert "hello from the model" in running.peer.logs[job_id]
    wait_for(lambda: not [c for c in running.processes().values() if "777" in c], timeout_s=5)


def test_check_runs_tests_with_tools_outside_the_lock(running: Node) -> None:
    tests = b"def test_double(model, rows):\n    assert model.predict(rows)[0]['y'] == 3.0\n"
    files = {
        "model.py": b"class Model:\n    def predict(self, rows):\n        return [{'y': r['x'] * 2} for r in rows]\n",
        "tests/test_model.py": tests,
    }
    version = running.version("1.0.0", files, sample=[{"x": 1.5}])
    result = running.run_job("check", running.check_inputs(version, tests={"paths": ["tests"]}))
    assert result["failure"] is None, result
    assert result["result"]["tests"]["passed"] == 1


def test_check_cell_sees_nothing_of_ours(running: Node) -> None:
    code = b"""
import json, os, socket
seen = {"uid": os.getuid(), "environment": sorted(os.environ), "session": os.getsid(0) == os.getpid()}
seen["open"] = sorted(os.readlink(f"/proc/self/fd/{n}").split(":")[0] for n in os.listdir("/proc/self/fd")
                      if os.path.islink(f"/proc/self/fd/{n}"))
status = open("/proc/self/status").read()
seen["no_new_privs"] = "NoNewPrivs:\\t1" in status
seen["capabilities"] = [line.split()[1] for line in status.splitlines() if line.startswith(("CapEff", "CapPrm"))]
try:
    import modelyard
    seen["imports"] = True
except ImportError:
    seen["imports"] = False
try:
    open("KEY").read()
    seen["key"] = True
except OSError:
    seen["key"] = False
try:
    socket.create_connection(("127.0.0.1", PORT), timeout=2)
    seen["network"] = True
except OSError:
    seen["network"] = False
print("SEEN " + json.dumps(seen))
class Model:
    def predict(self, rows):
        return [{"y": 1.0} for _ in rows]
"""
    code = code.replace(b"KEY", str(running.node_dir / "node.pem").encode())
    code = code.replace(b"PORT", str(running.port).encode())
    version = running.version("1.0.0", {"model.py": code}, sample=[{"x": 1.0}])
    job_id, envelope = running.job("check", running.check_inputs(version))
    running.peer.order(job=envelope)
    assert running.peer.wait_result(job_id)["failure"] is None
    (line,) = {line for line in running.peer.logs[job_id] if line.startswith("SEEN ")}
    seen = json.loads(line.removeprefix("SEEN "))
    assert seen["session"]
    assert seen["no_new_privs"]
    assert not seen["imports"]
    allowed = {"PATH", "LANG", "HOME", "TMPDIR", "MPLBACKEND", "JOBLIB_MULTIPROCESSING", "LC_CTYPE"}
    assert {name for name in seen["environment"] if not name.endswith("_NUM_THREADS")} <= allowed
    assert not [name for name in seen["open"] if name == "socket"]
    if os.geteuid() == 0:
        assert seen["uid"] >= 200_000
        assert seen["capabilities"] == ["0000000000000000"] * 2
        assert not seen["key"]
        assert not seen["network"]


def test_job_replayed_expired_or_for_another_node_is_not_run(running: Node) -> None:
    inputs = {"requirements": "six==1.17.0\n", "python": "3.11", "index": "default"}
    job_id, envelope = running.job("lock", inputs)
    running.peer.order(job=envelope)
    running.peer.wait_result(job_id)
    running.peer.results.clear()
    before = running.log().count("it was run before")

    def replay() -> bool:
        # Until its result is delivered, the order's repetition is no replay.
        running.peer.order(job=envelope)
        return running.log().count("it was run before") > before

    wait_for(replay, pause_s=0.3)
    running.stop()
    running.start()
    before = running.log().count("it was run before")
    wait_for(replay, pause_s=0.3)
    past = to_rfc3339(datetime.now(UTC) - timedelta(minutes=1))
    running.peer.order(job=running.job("lock", inputs, expires_at=past)[1])
    wait_for(lambda: "it expired at" in running.log())
    running.peer.order(job=running.job("lock", inputs, node_id="no_other")[1])
    wait_for(lambda: "it is for node no_other" in running.log())
    _, forged = running.job("lock", inputs)
    forged["signatures"][0]["sig"] = "A" * 86 + "=="
    running.peer.order(job=forged)
    wait_for(lambda: "does not match its bytes" in running.log())
    # The replay is answered as interrupted and not run; the others are no jobs of this node at all.
    assert set(running.peer.results) == {job_id}
    assert running.peer.results[job_id]["failure"]["code"] == "builds.job_interrupted"
