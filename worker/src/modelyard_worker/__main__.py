"""`python -m modelyard_worker serve|check`: the same code as in a cell, without one, for work offline."""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from modelyard_worker import checking, serving

LOOPBACK = "127.0.0.1"
BACKLOG = 1024


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 the check failed, 72 the model did not load."""
    parser = argparse.ArgumentParser(prog="modelyard-worker", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve one version on loopback or a unix socket")
    serve.add_argument("--spec", type=Path, required=True)
    place = serve.add_mutually_exclusive_group(required=True)
    place.add_argument("--port", type=int, help="on loopback; 0 takes a free one")
    place.add_argument("--socket", type=Path)
    check = commands.add_parser("check", help="check a version as a build does")
    check.add_argument("--spec", type=Path, required=True)
    check.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    spec = json.loads(options.spec.read_text(encoding="utf-8"))
    if options.command == "check":
        return checking.main(spec, options.out)
    with _listening(options.port, options.socket) as listener:
        where = options.socket or f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        print(f"serving on {where}", flush=True)
        serving.main(spec, listener)
    return 0


@contextlib.contextmanager
def _listening(port: int | None, path: Path | None) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET if path is None else socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        if path is None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, port or 0))
        else:
            path.unlink(missing_ok=True)
            listener.bind(str(path))
        listener.listen(BACKLOG)
        try:
            yield listener
        finally:
            if path is not None:
                path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
