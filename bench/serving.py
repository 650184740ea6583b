"""One scikit-learn row through the whole stack beside hand-written FastAPI: the server on one core, the load on the
other, in short slices that take turns, so that both meet the same machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import joblib
import skops.io

from bench.installation import free_port, installation, train
from bench.life_cycle import row_of, target_of
from bench.load import Outcome, Target, closed_loop, new_event_loop
from bench.report import Report, calibration_ms

ROUNDS = 4
# The pipeline itself as the artifact: both sides turn one row into numbers and call the same `predict_proba`.
MANIFEST = """[model]
name = "mine"
artifact = "model.skops"
[environment]
dependencies = "requirements.txt"
[schema]
sample = "row.json"
"""
SLICE_S = 2.5
SERVER_CPU, LOAD_CPU = 0, 1
LEVELS = (1, 16, 64)


def start_peer(folder: Path, port: int) -> subprocess.Popen[bytes]:
    path = folder / "peer.joblib"
    pipeline = skops.io.load(folder / "model.skops", trusted=None)
    for part in (pipeline, *(step for _, step in pipeline.steps)):
        vars(part).pop("feature_names_in_", None)  # or every request would pay for a warning about names
    joblib.dump(pipeline, path)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bench.fastapi_peer", str(port), str(path)]
    process = subprocess.Popen(command, env=environment)
    os.sched_setaffinity(process.pid, {SERVER_CPU})
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/docs", timeout=1).close()
            return process
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError("the peer does not answer")


def slice_of(target: Target, connections: int) -> Outcome:
    loop = new_event_loop()
    try:
        return loop.run_until_complete(closed_loop(target, connections, SLICE_S))
    finally:
        loop.close()


def compare(ours: Target, peer: Target, report: Report) -> None:
    for connections in LEVELS:
        rates: dict[str, list[float]] = {"ours": [], "peer": []}
        middles: dict[str, list[float]] = {"ours": [], "peer": []}
        calibrations = []
        for _ in range(ROUNDS):
            for name, target in (("ours", ours), ("peer", peer)):
                calibrations.append(calibration_ms())
                outcome = slice_of(target, connections)
                if outcome.failed:
                    raise RuntimeError(f"{name}: {outcome.failed} failed, {outcome.statuses}")
                rates[name].append(outcome.requests_per_s)
                middles[name].append(outcome.percentile_ms(50))
        report.add(f"Modelyard, {connections} connections", "req/s", rates["ours"])
        report.add(f"FastAPI, {connections} connections", "req/s", rates["peer"])
        ratios = [a / b for a, b in zip(rates["ours"], rates["peer"], strict=True)]
        report.add(f"throughput, ours / FastAPI, {connections} connections", "x", ratios)
        report.add(f"Modelyard p50, {connections} connections", "ms", middles["ours"])
        report.add(f"FastAPI p50, {connections} connections", "ms", middles["peer"])
        report.notes.append(f"calibration at {connections}: {min(calibrations):.1f} to {max(calibrations):.1f} ms")


def main() -> None:
    report = Report("serving")
    os.sched_setaffinity(0, {LOAD_CPU})
    with installation(server_cpu=SERVER_CPU) as made:
        os.sched_setaffinity(0, {0, 1})
        folder = made.example("mine")
        train(folder, weak=False)
        (folder / "modelyard.toml").write_text(MANIFEST)
        made.release("mine", made.push(folder))
        token, _ = made.caller_token("mine")
        body = row_of(folder)
        values = [[float(value) for value in json.loads(body)["rows"][0].values()]]
        port = free_port()
        peer = start_peer(folder, port)
        os.sched_setaffinity(0, {LOAD_CPU})
        try:
            theirs = Target.post_json("127.0.0.1", port, "/predict", json.dumps({"rows": values}).encode())
            compare(target_of(made, "mine", token, body), theirs, report)
        finally:
            peer.terminate()
            peer.wait()
            os.sched_setaffinity(0, {0, 1})
    report.keep()
