"""The warm parent of workers: imports a model's libraries once, then forks for every worker and check job.

Runs inside the cell, as `<environment>/bin/python -I -B zygote.py --control-fd N --preload a,b --paths p:q`. It only
imports: calling into a numeric library would start threads, and a fork can't carry them. Messages are described in the
node's `launcher/messages.py`; that text is the contract, and this file is older or newer than its launcher by any
number of releases, so ignore what is unknown. Standard library only; one thread.
"""

from __future__ import annotations

import argparse
import array
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

MESSAGE_BYTES_MAX = 64 * 1024
FDS_MAX = 4
PR_SET_PDEATHSIG = 1
# Exit codes that the node tells apart from the model's own.
EXIT_CRASHED = 70
EXIT_OUT_OF_MEMORY = 71
SERVING = "modelyard_worker.serving"
CHECKING = "modelyard_worker.checking"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="zygote")
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--preload", default="")
    parser.add_argument("--paths", default="")
    options = parser.parse_args(arguments)
    sys.path[:0] = [path for path in options.paths.split(":") if path]
    control = socket.socket(fileno=options.control_fd)
    control.set_inheritable(False)
    for name in [SERVING, *options.preload.split(",")]:
        if name:
            _preload(name)
    # What is frozen is never touched by the collector, so that forks go on sharing its pages.
    gc.collect()
    gc.freeze()
    return _serve_forks(control)


def _preload(name: str) -> None:
    """Imports, and goes on without: a module that fails here fails in the worker, where its traceback is shown."""
    try:
        importlib.import_module(name)
    except BaseException as problem:  # a module may raise SystemExit or KeyboardInterrupt at import
        print(f"zygote: could not preload {name}: {problem!r}", file=sys.stderr, flush=True)


def _serve_forks(control: socket.socket) -> int:
    """Forks on request and reports exits until the launcher is gone."""
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _nothing)
    signal.signal(signal.SIGTERM, _leave)
    workers: dict[int, str] = {}
    control.send(b'{"event":"ready"}')
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(woken, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == woken:
                os.read(woken, 4096)
                _report_exits(control, workers)
            elif not _answer(control, (woken, wake), workers):
                return 0


def _nothing(_signal: int, _frame: Any) -> None:
    """Exists so that the signal interrupts the poll."""


def _leave(_signal: int, _frame: Any) -> None:
    # The workers follow by their parent-death signal.
    os._exit(0)


def _report_exits(control: socket.socket, workers: dict[int, str]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        name = workers.pop(pid, None)
        if name is not None:
            _say(control, {"event": "exited", "id": name, "pid": pid, "status": os.waitstatus_to_exitcode(status)})


def _answer(control: socket.socket, wakers: tuple[int, int], workers: dict[int, str]) -> bool:
    """Handles one request; False when the launcher closed its end."""
    # Not socket.recv_fds: Python 3.11's passes no flags on, and what it receives outlives an exec.
    room = socket.CMSG_SPACE(FDS_MAX * 4)
    data, beside, _, _ = control.recvmsg(MESSAGE_BYTES_MAX, room, socket.MSG_CMSG_CLOEXEC)
    fds = [fd for _, kind, sent in beside if kind == socket.SCM_RIGHTS for fd in array.array("i", sent)]
    if not data:
        return False
    request = json.loads(data)
    operation = request.get("op")
    if operation in ("serve", "check"):
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become_worker(request, list(fds), control, wakers, parent)
        workers[pid] = request["id"]
        _say(control, {"event": "forked", "id": request["id"], "pid": pid})
    for fd in fds:
        os.close(fd)
    return True


def _say(control: socket.socket, message: dict[str, Any]) -> None:
    control.send(json.dumps(message).encode())


def _become_worker(
    request: dict[str, Any], fds: list[int], control: socket.socket, wakers: tuple[int, int], parent: int
) -> None:
    """In the child: cuts every tie to the zygote, then runs the worker. Never returns."""
    status = EXIT_CRASHED
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        _die_with(parent)
        control.close()
        for waker in wakers:
            os.close(waker)
        *listener, log, spec_fd = fds
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        spec = json.loads(_read_all(spec_fd))
        os.close(spec_fd)
        _reseed()
        limit_memory(int(request.get("memory_bytes", 0)))
        status = _run(request, spec, listener)
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
    except MemoryError:
        traceback.print_exc()
        status = EXIT_OUT_OF_MEMORY
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                status = status or EXIT_CRASHED
        os._exit(status)


def _run(request: dict[str, Any], spec: dict[str, Any], listener: list[int]) -> int:
    sys.path.extend(path for path in request.get("paths", ()) if path not in sys.path)
    if request["op"] == "serve":
        serving = importlib.import_module(SERVING)
        with socket.socket(fileno=listener[0]) as listening:
            serving.main(spec, listening)
        return 0
    return int(importlib.import_module(CHECKING).main(spec, Path(request["out_dir"])) or 0)


def _die_with(parent: int) -> None:
    """Asks the kernel to kill us with the zygote; the zygote may have died before this line."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(EXIT_CRASHED)


def _read_all(fd: int) -> bytes:
    """The whole memory file, wherever its shared offset stands: a crashed worker's successor reads it again."""
    return os.pread(fd, os.fstat(fd).st_size, 0)


def _reseed() -> None:
    """Forks would share numpy's global generator state, and so draw the same "random" numbers."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def limit_memory(bytes_max: int) -> None:
    """Limits private memory to what is in use now plus `bytes_max`; 0 means no limit of our own."""
    if bytes_max <= 0:
        return
    in_use = 0
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            in_use = int(line.split()[1]) * 1024
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = in_use + bytes_max
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (value, value))


if __name__ == "__main__":
    sys.exit(main())
