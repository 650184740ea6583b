"""From a push to a rollback, on one installation: push → preview, approve → live, swap, rollback and revocation under
300 requests/s."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Self

from bench.installation import PROJECT, Installation, installation, train
from bench.load import Outcome, Target, new_event_loop, open_loop
from bench.report import Report

RUNS = 5
RATE_PER_S = 300.0


class Load:
    """Open-loop load from a thread of its own, until stopped."""

    def __init__(self, target: Target, seconds: float) -> None:
        self._target, self._seconds = target, seconds
        self._loop = new_event_loop()
        self._stop = asyncio.Event()
        self.outcome = Outcome()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        time.sleep(1.0)  # under way before anything happens to it
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(1.0)
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        work = open_loop(self._target, RATE_PER_S, self._seconds, stop=self._stop)
        self.outcome = self._loop.run_until_complete(work)


def row_of(folder: Path) -> bytes:
    value = json.loads((folder / "row.json").read_text())
    return json.dumps({"rows": value if isinstance(value, list) else [value]}).encode()


def target_of(made: Installation, endpoint: str, token: str, body: bytes) -> Target:
    path = f"/v2/models/{PROJECT}.{endpoint}/predict"
    return Target.post_json("127.0.0.1", made.port, path, body, {"Authorization": f"Bearer {token}"})


def measure_push(made: Installation, folder: Path, report: Report) -> str:
    """Changed code, cached environment: from the start of the push until the preview answers."""
    author, seconds, version = made.client("author"), [], ""
    rows = json.loads(row_of(folder))["rows"]
    for number in range(RUNS):
        with (folder / "model.py").open("a") as code:
            code.write(f"\n# change {time.time_ns()} {number}\n")
        begin = time.perf_counter()
        version = made.push(folder)
        author.predictions.preview(PROJECT, folder.name, version, rows)
        seconds.append(time.perf_counter() - begin)
    report.add("push of changed code → preview answering", "s", seconds, 5.0)
    return version


def measure_swaps(made: Installation, folder: Path, version: str, report: Report) -> None:
    train(folder, weak=False)
    better = made.push(folder)
    token, _ = made.caller_token(folder.name)
    target = target_of(made, folder.name, token, row_of(folder))
    approved, rolled = [], []
    owner = made.client("owner")
    with Load(target, 120) as load:
        for _ in range(RUNS):
            live = owner.endpoints.get_endpoint(PROJECT, folder.name).document["live"]["version"]
            approved.append(made.release(folder.name, version if live == better else better))
            begin = time.perf_counter()
            back = owner.endpoints.roll_back(PROJECT, folder.name)
            owner.releases.wait_live(int(back["number"]))
            rolled.append((time.perf_counter() - begin) * 1000)
    report.add("approve → live, at 300/s", "ms", approved, 1000.0)
    report.add("rollback → live, at 300/s", "ms", rolled, 1000.0)
    report.add(
        f"failed of {sum(load.outcome.statuses.values())} requests, {2 * RUNS} swaps", "", [load.outcome.failed], 0
    )
    report.add("p99 during the swaps", "ms", [load.outcome.percentile_ms(99)])


def measure_revocation(made: Installation, folder: Path, report: Report) -> None:
    delays = []
    for _ in range(RUNS):
        token, jti = made.caller_token(folder.name)
        with Load(target_of(made, folder.name, token, row_of(folder)), 30) as load:
            begin = time.perf_counter()
            made.client("owner").projects.revoke_token(PROJECT, jti)
            asked = time.perf_counter() - begin
        answered = [at for at, status in load.outcome.completed_at if status == 200 and at > begin]
        delays.append((max(answered) - begin) * 1000 if answered else 0.0)
        if 401 not in load.outcome.statuses:
            raise RuntimeError(f"never refused: {load.outcome.statuses} ({asked:.3f} s)")
    report.add("revoke asked → last request let in, at 300/s", "ms", delays, 1000.0)


def main() -> None:
    report = Report("life_cycle")
    with installation() as made:
        folder = made.example("mine")
        begin = time.perf_counter()
        version = made.push(folder)
        report.add("first push, nothing cached", "s", [time.perf_counter() - begin])
        report.add("first approve → live", "ms", [made.release("mine", version)], 1000.0)
        version = measure_push(made, folder, report)
        measure_swaps(made, folder, version, report)
        measure_revocation(made, folder, report)
        report.add("SIGTERM → everything gone", "s", [made.down()])
    report.keep()
