"""What agent, launcher and zygote say to each other: one JSON object per SOCK_SEQPACKET datagram, descriptors beside.

Append-only rule: operations, events and fields are added, never renamed, reused or removed; a reader ignores what it
does not know. Agent and launcher come from one release, a zygote may be older than its launcher (it lives on through
an upgrade), so the zygote's part counts as a wire format.

A datagram holds at most MESSAGE_BYTES_MAX bytes. What can be longer (the spec of a worker with its sample rows)
travels as a sealed memory file, so that the launcher never parses it.

Agent to launcher:
  {"op":"listen","id","path","cell":CELL,"idle_s","eager"}  fds: spec, log     own a socket; fork when it is readable
  {"op":"start","id"}                                                          fork now, without waiting for a request
  {"op":"stop","id","grace_s"}                                                 close, unlink, SIGTERM, SIGKILL
  {"op":"run","id","cell":CELL,"paths":[..],"out_dir","timeout_s"}  fds: spec, log   one check job
  {"op":"cancel","id"}                                                         SIGKILL a check job
  {"op":"warm","cell":CELL}                                                    import its modules ahead of need
  {"op":"shutdown","grace_s"}                                                  stop all, then exit 0
Launcher to agent:
  {"event":"ready","pid"}
  {"event":"listening","id"}
  {"event":"started","id","pid","fork_ms"}                                     forked; not yet loaded
  {"event":"exited","id","pid","status","expected","restarts","retry_s","reason"}   reason: crash|idle|stop|zygote
  {"event":"stopped","id"}                                                     the answer to `stop`
  {"event":"finished","id","status","reason"}                                  reason: exit|timeout|cancelled|zygote
  {"event":"failed","id","problem"}                                            `listen` or `run` could not be done
Launcher to zygote:
  {"op":"serve","id","memory_bytes"}            fds: listener, log, spec
  {"op":"check","id","memory_bytes","out_dir","paths"}   fds: log, spec
Zygote to launcher:
  {"event":"ready"}   {"event":"forked","id","pid"}   {"event":"exited","id","pid","status"}
`status` is an exit code, or minus the number of the signal.

CELL is `confinement.CellSpec` as a JSON object.
"""

from __future__ import annotations

import array
import collections
import json
import os
import socket
from contextlib import suppress
from typing import Any

MESSAGE_BYTES_MAX = 64 * 1024
FDS_MAX = 4
_FDS = array.array("i")


class ChannelClosed(Exception):
    """The other side is gone."""


def _descriptors(beside: list[tuple[int, int, bytes]]) -> list[int]:
    owned: list[int] = []
    for level, kind, data in beside:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            owned += array.array("i", data[: len(data) - len(data) % _FDS.itemsize])
    return owned


def close_all(fds: list[int]) -> None:
    for fd in fds:
        with suppress(OSError):
            os.close(fd)


class Channel:
    """One end of a SOCK_SEQPACKET pair, never blocking: what can't be sent yet waits in order in `waiting`."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self.waiting: collections.deque[tuple[bytes, list[int]]] = collections.deque()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: dict[str, Any], fds: list[int] | None = None) -> None:
        """Sends or queues. Takes ownership of nothing: descriptors are duplicated. Raises ValueError if too long."""
        data = json.dumps(message, separators=(",", ":")).encode()
        if len(data) > MESSAGE_BYTES_MAX:
            raise ValueError(f"message of {len(data)} bytes, at most {MESSAGE_BYTES_MAX} fit")
        self.waiting.append((data, [os.dup(fd) for fd in fds or ()]))
        self.flush()

    def flush(self) -> None:
        """Sends what waits, as far as the other side takes it. Raises ChannelClosed when it is gone."""
        while self.waiting:
            data, fds = self.waiting[0]
            try:
                if fds:
                    socket.send_fds(self._socket, [data], fds)
                else:
                    self._socket.send(data)
            except BlockingIOError:
                return
            except OSError as cause:
                raise ChannelClosed(str(cause)) from cause
            self.waiting.popleft()
            close_all(fds)

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """The next message with its descriptors, which the caller then owns; None when there is none now.

        Raises ChannelClosed at the end, and when the other side sends what is no JSON object.
        """
        try:
            # Not socket.recv_fds: Python 3.11's passes no flags on, and what it receives outlives an exec.
            room = socket.CMSG_SPACE(FDS_MAX * _FDS.itemsize)
            data, beside, flags, _ = self._socket.recvmsg(MESSAGE_BYTES_MAX, room, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        except OSError as cause:
            raise ChannelClosed(str(cause)) from cause
        owned = _descriptors(beside)
        try:
            if not data:
                raise ChannelClosed("end of stream")
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise ChannelClosed("a truncated message")
            message = json.loads(data)
            if not isinstance(message, dict):
                raise ChannelClosed("a message that is no object")
        except (ValueError, ChannelClosed) as cause:
            close_all(owned)
            raise ChannelClosed(str(cause)) from cause
        return message, owned

    def close(self) -> None:
        for _, fds in self.waiting:
            close_all(fds)
        self.waiting.clear()
        self._socket.close()
