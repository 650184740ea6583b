"""How long a change takes to reach Envoy, and what many endpoints cost.

    python -m bench.gateway_changes [ENDPOINTS ...]

For each number of endpoints (default 100 and 1000; every endpoint with its own version, cluster and ten callers):
seconds until the first full view is confirmed, then p50/p95/max milliseconds of single changes: a swap of version, a
withdrawn caller, a new endpoint, a revoked token; and Envoy's resident memory.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.support.gateway import LiveGateway, close_gateway, desired_state, endpoint_state, open_gateway, version_state

from modelyard.contracts.desired_state import RevokedToken
from modelyard.node.gateway import GatewayView

CHANGES = 20
CALLERS = tuple(f"us_{number:026d}" for number in range(10))


def full_view(live: LiveGateway, count: int) -> GatewayView:
    versions = tuple(version_state(f"ve_{number:026d}", f"m{number}") for number in range(count + 2))
    endpoints = tuple(endpoint_state(f"e{n}", versions[n].version_id, CALLERS) for n in range(count))
    return GatewayView(
        desired_state(endpoints, versions, keys=(live.key.jwk(),)),
        {e.endpoint_id: e.splits[0].version_id for e in endpoints},
        {v.version_id: f"/tmp/none/{v.version_id}.sock" for v in versions},
    )


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_ms(pid: int) -> float:
    """User and system time of a process so far: it does not depend on what else the machine does."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def timed(live: LiveGateway, view: GatewayView) -> float:
    started = time.perf_counter()
    live.run(live.gateway.apply(view))
    return (time.perf_counter() - started) * 1000


def measure_changes(live: LiveGateway, view: GatewayView) -> dict[str, list[float]]:
    """Milliseconds of each kind of change, applied one after the other on top of the view."""
    times: dict[str, list[float]] = {"swap": [], "caller": [], "endpoint": [], "revoke": []}
    endpoints = list(view.desired.endpoints)
    spare = view.desired.versions[-1].version_id
    for number in range(CHANGES):
        view = replace(view, serving={**view.serving, endpoints[number].endpoint_id: spare})
        times["swap"].append(timed(live, view))
        endpoints[number] = replace(endpoints[number], callers=endpoints[number].callers[1:])
        view = replace(view, desired=replace(view.desired, endpoints=tuple(endpoints)))
        times["caller"].append(timed(live, view))
        endpoints.append(endpoint_state(f"new{number}", spare, CALLERS))
        view = replace(
            view,
            desired=replace(view.desired, endpoints=tuple(endpoints)),
            serving={**view.serving, endpoints[-1].endpoint_id: spare},
        )
        times["endpoint"].append(timed(live, view))
        revoked = (*view.desired.revoked, RevokedToken(f"tk_{number}", "2099-01-01T00:00:00Z"))
        view = replace(view, desired=replace(view.desired, revoked=revoked))
        times["revoke"].append(timed(live, view))
    return times


def main(counts: Sequence[int] = (100, 1000)) -> None:
    for count in counts:
        live = open_gateway()
        try:
            empty = resident_mib(live.gateway.status()["pid"])
            view = full_view(live, count)
            first = timed(live, view)
            print(f"{count} endpoints: first view {first:.0f} ms; Envoy {empty:.0f} -> ", end="")
            print(f"{resident_mib(live.gateway.status()['pid']):.0f} MiB")
            pid, ours = live.gateway.status()["pid"], time.process_time()
            theirs = cpu_ms(pid)
            measured = measure_changes(live, view)
            count_of_changes = sum(len(values) for kind, values in measured.items() if kind != "revoke")
            print(f"  CPU of a change of routes: Envoy {(cpu_ms(pid) - theirs) / count_of_changes:.0f} ms, ", end="")
            print(f"node {(time.process_time() - ours) * 1000 / count_of_changes:.0f} ms")
            for kind, values in measured.items():
                ordered = sorted(values)
                p95 = ordered[int(len(ordered) * 0.95) - 1]
                print(f"  {kind:9} p50 {statistics.median(ordered):6.1f}  p95 {p95:6.1f}  max {ordered[-1]:6.1f} ms")
        finally:
            close_gateway(live)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or (100, 1000))
