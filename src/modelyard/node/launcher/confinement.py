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
CLONE_NEWNS = 0x00020000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x40000


@dataclass(frozen=True, slots=True)
class CellSpec:
    """Whose code, in which environment, within which limits. `uid` None means: as ourselves (we are not root).

    `directory` is its working folder, home and TMPDIR. `reach` are the folders that its uid must be able to walk to,
    whatever lies above them. `memory_bytes` counts private memory of each worker above what
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
    reach: tuple[str, ...] = ()

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
        lists = {name: tuple(known.get(name, ())) for name in ("paths", "preload", "reach")}
        return cls(**{**known, **lists})


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
        _open_way(libc, cell.reach)
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


def _open_way(libc: ctypes.CDLL, paths: tuple[str, ...]) -> None:
    """Lets another uid reach the paths where a folder above them is closed to it (a home below /root, say).

    In a mount namespace of the cell's own, each closed folder is covered by an empty one that holds the paths alone;
    so nothing on the disk has to be opened to others. Raises OSError where the kernel does not let us.
    """
    closed: dict[str, list[str]] = {}
    for path in paths:
        gate = next((p for p in _parents(path) if not os.stat(p).st_mode & 0o001), None)
        if gate is not None:
            closed.setdefault(gate, []).append(path)
    if not closed:
        return
    _check(libc.unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)")
    _mount(libc, "none", "/", "", MS_REC | MS_PRIVATE)
    # Opened after unshare: descriptors of the old namespace can't be bound in the new one.
    opened = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for below in closed.values() for path in below}
    for gate, below in closed.items():
        _mount(libc, "tmpfs", gate, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")
        for path in below:
            os.makedirs(path, mode=0o755)
            for parent in _parents(path):
                if parent.startswith(gate):
                    os.chmod(parent, 0o755)
            _mount(libc, f"/proc/self/fd/{opened[path]}", path, "", MS_BIND | MS_REC)
    for descriptor in opened.values():
        os.close(descriptor)


def _parents(path: str) -> list[str]:
    """The folders above, outermost first, and the path itself."""
    parts = os.path.realpath(path).split("/")[1:]
    return ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]


def _mount(libc: ctypes.CDLL, source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    text = [value.encode() or None for value in (source, target, kind, data)]
    _check(libc.mount(text[0], text[1], text[2], ctypes.c_ulong(flags), text[3]), f"mount on {target}")


def _check(status: int, what: str) -> None:
    if status != 0:
        raise OSError(ctypes.get_errno(), f"{what} failed: a cell's uid can't reach its files; open the folders above")


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
