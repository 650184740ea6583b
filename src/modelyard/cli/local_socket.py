"""The installation's administration socket: works when Envoy does not, and only for the machine's owner."""

from __future__ import annotations

import socket as sockets
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.infra.processes.paths import run_dir

if TYPE_CHECKING:
    from modelyard.sdk.client import Client


def host_client(home: Path) -> Client:
    """A client that acts as `host`. Raises Unavailable when no control plane listens there."""
    from modelyard.sdk.client import Client
    from modelyard.sdk.errors import Unavailable

    socket = run_dir(home.absolute()) / "admin.sock"
    if not _listens(socket):
        raise Unavailable(
            f"No control plane runs in {home} (nobody listens at {socket}).",
            code="client.not_running",
            hint=f"modelyard up --home {home}, or name another with --home DIR",
        )
    return Client("http://localhost", agent="cli", socket_path=socket)


def _listens(path: Path) -> bool:
    with sockets.socket(sockets.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
