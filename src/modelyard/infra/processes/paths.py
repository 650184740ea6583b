"""Where the sockets of a home directory lie: one rule for the parent, the control plane and the node."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

# A Unix socket path holds 107 bytes; below `run` come at most `/w/` and a 40-character name.
RUN_DIR_LENGTH_MAX = 60


class UnsafeRunDirectory(RuntimeError):
    """Somebody else owns the folder that our sockets would lie in, or it is not a folder."""


def run_dir(home: Path) -> Path:
    """`HOME/run`, or `/tmp/modelyard-<uid>-<hash of home>` where that path would be too long for a Unix socket."""
    absolute = Path(os.path.abspath(home))
    direct = absolute / "run"
    if len(os.fsencode(direct)) <= RUN_DIR_LENGTH_MAX:
        return direct
    short = hashlib.sha256(os.fsencode(absolute)).hexdigest()[:8]
    return Path("/tmp") / f"modelyard-{os.getuid()}-{short}"  # noqa: S108  make_run_dir checks whose it is


def make_run_dir(home: Path) -> Path:
    """Creates the folder with mode 0700 and returns it.

    Raises UnsafeRunDirectory when the name is taken by something that is not our own folder: `/tmp` is anybody's.
    """
    path = run_dir(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise UnsafeRunDirectory(
                f"{path} is not a folder of uid {os.getuid()}. Remove it, or choose another home."
            ) from None
        path.chmod(0o700)
    return path
