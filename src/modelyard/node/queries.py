"""Small questions that the control plane asks this machine: answered from what is here, never by running anything."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from pathlib import Path
from typing import Any

from modelyard.node.environments.interpreters import Interpreters
from modelyard.node.gateway import Gateway
from modelyard.node.supervisor.replicas import Replicas

LOG_LINES_MAX = 2000


class Queries:
    """Kinds: `access_record` {prediction_id} -> {record|null}; `replica_log` {version_id, tail} -> {lines};
    `host` {} -> {host}. Anything else -> {error}."""

    def __init__(self, gateway: Gateway, replicas: Replicas, interpreters: Interpreters, home: Path) -> None:
        self._gateway = gateway
        self._replicas = replicas
        self._interpreters = interpreters
        self._home = home

    async def answer(self, kind: str, params: dict[str, Any]) -> dict[str, Any]:
        """Never raises for a bad question."""
        try:
            if kind == "access_record":
                return {"record": await self._gateway.find_access_record(str(params["prediction_id"]))}
            if kind == "replica_log":
                tail = min(LOG_LINES_MAX, max(1, int(params.get("tail", 200))))
                return {"lines": self._replicas.read_log(str(params["version_id"]), tail)}
            if kind == "host":
                await self._interpreters.find_all()
                return {"host": self.describe_host()}
        except (KeyError, TypeError, ValueError) as problem:
            return {"error": f"query {kind}: {problem!r}"}
        return {"error": f"this node knows no query of kind {kind!r}"}

    def describe_host(self) -> dict[str, Any]:
        """Sizes in bytes."""
        memory = _memory()
        disk = shutil.disk_usage(self._home)
        return {
            "name": socket.gethostname(),
            "system": f"{platform.system()} {platform.release()}",
            "architecture": platform.machine(),
            "cpus": len(os.sched_getaffinity(0)),
            "load": round(os.getloadavg()[0], 2),
            "memory_bytes": memory.get("MemTotal", 0),
            "memory_available_bytes": memory.get("MemAvailable", 0),
            "disk_bytes": disk.total,
            "disk_free_bytes": disk.free,
            "pythons": [interpreter.version for interpreter in self._interpreters.known],
            "runs_as_root": os.geteuid() == 0,
        }


def _memory() -> dict[str, int]:
    found = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        found[name] = int(rest.split()[0]) * 1024
    return found
