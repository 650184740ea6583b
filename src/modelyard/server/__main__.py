"""`python -m modelyard.server --home DIR`: the control plane's process, on two Unix sockets.

`control.sock` is for Envoy and the node; `admin.sock` (mode 0600) for the person who owns the machine, and works when
Envoy does not. Both listen before anything large is imported: who comes early waits for the answer instead of being
refused, and need not ask again.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import socket
from pathlib import Path

from modelyard.infra.processes.paths import run_dir
from modelyard.server.settings import load_settings


def _listen(path: Path) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(previous)
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def main() -> None:
    parser = argparse.ArgumentParser(prog="modelyard.server", description="The control plane of one installation.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--public-url")
    parser.add_argument("--database-url")
    options = parser.parse_args()
    overrides = {"server.public_url": options.public_url, "database.url": options.database_url}
    settings = load_settings(options.home, overrides).value
    logging.basicConfig(level=settings.server.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    directory = run_dir(settings.server.home)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    control, admin = _listen(directory / "control.sock"), _listen(directory / "admin.sock")
    # Modules stay: looking through them for garbage, again and again while they load, is a tenth of the start.
    gc.disable()
    from modelyard.server.serving import run

    gc.freeze()
    gc.enable()
    run(settings, control, admin)


if __name__ == "__main__":
    main()
