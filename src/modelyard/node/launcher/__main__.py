"""`python -I -S launcher/__main__.py --control-fd N`: starts in milliseconds and stays small.

Run as a script without site-packages. The packages above are entered by hand: importing `modelyard` itself would run
its `__init__`, and this process should hold nothing but its own few modules.
"""

from __future__ import annotations

import argparse
import resource
import socket
import sys
import types
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def _enter_packages() -> None:
    for name, folder in (("modelyard", _ROOT), ("modelyard.node", _ROOT / "node")):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules.setdefault(name, package)


def main() -> int:
    parser = argparse.ArgumentParser(prog="launcher")
    parser.add_argument("--control-fd", type=int, required=True)
    options = parser.parse_args()
    _enter_packages()
    # Every replica holds up to four descriptors here, and a machine has thousands of them asleep.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    from modelyard.node.launcher.launching import Launcher

    control = socket.socket(fileno=options.control_fd)
    control.set_inheritable(False)
    return Launcher(control).run()


if __name__ == "__main__":
    sys.exit(main())
