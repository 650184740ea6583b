"""The one place where a process becomes a cell. Namespaces, Landlock, seccomp and cgroups belong here, nowhere else.

Called in the child between fork and exec, by a process without threads. Today: own session, empty descriptors, limits,
no_new_privs, its own uid (which drops every capability), no network where we may take it away, death with the parent.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from dataclasses import asdict, dataclass
from typing import Any, Self

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True)
class CellSpec:
    """Whose code, in which environment, within which limits. `uid` None means: as ourselves (we are not root).

    `directory` is its working folder, home and TMPDIR. `memory_bytes` counts private memory of each worker above what
    the zygote has already. Processes are counted per uid by the kernel.
    """

    project_id: str
    environment_digest: str
    tier: int
    python: str
    zygote: str
    paths: tuple[str, ...]
    preload: tuple[str, ...]
    directory: str
    uid: int | None = None
    gid: int | None = None
    memory_bytes: int = 512 * 1024 * 1024
    processes_max: int = 512
    files_max: int = 4096
    file_bytes_max: int = 1024 * 1024 * 1024
    network: bool = False

    @property
    def zygote_key(self) -> tuple[str, str, int, str]:
        """Workers share a zygote only within one project, environment and tier (and Python code of the worker)."""
        return (self.project_id, self.environment_digest, self.tier, self.zygote)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Raises TypeError or KeyError when a field is missing; ignores unknown ones."""
        known = {name: value[name] for name in cls.__slots__ if name in value}
        return cls(**{**known, "paths": tuple(value["paths"]), "preload": tuple(value["preload"])})


def environment_of(cell: CellSpec) -> dict[str, str]:
    """The whole environment of a cell: nothing of ours is inherited.

    One thread per numeric library: a fork can't carry a thread pool, and workers are many on few cores.
    """
    threads = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "BLIS", "VECLIB_MAXIMUM")
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": cell.directory,
        "TMPDIR": cell.directory,
        "MPLBACKEND": "Agg",
        "JOBLIB_MULTIPROCESSING": "0",
        **{f"{name}_NUM_THREADS": "1" for name in threads},
    }


def confine(cell: CellSpec, parent_pid: int) -> None:
    """Turns this process into a cell. Raises OSError when a step that must not be skipped fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    os.setsid()
    os.umask(0o077)
    _limit(cell)
    if not cell.network:
        # Root may take the network away for one call; an ordinary user needs a user namespace, which is a tier's work.
        libc.unshare(CLONE_NEWNET)
    if cell.uid is not None and cell.gid is not None:
        os.setgroups([])
        os.setresgid(cell.gid, cell.gid, cell.gid)
        os.setresuid(cell.uid, cell.uid, cell.uid)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_NO_NEW_PRIVS) failed")
    # After the change of uid, which clears it; and the parent may have died before this line.
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:
        os._exit(125)
    os.chdir(cell.directory)


def _limit(cell: CellSpec) -> None:
    """Memory is not limited here but in each fork, above what the zygote's imports took."""
    for kind, wanted in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, cell.files_max),
        (resource.RLIMIT_FSIZE, cell.file_bytes_max),
        (resource.RLIMIT_NPROC, cell.processes_max),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (value, value))
