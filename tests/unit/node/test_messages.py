"""Datagrams with descriptors between agent, launcher and zygote."""

from __future__ import annotations

import os
import socket

import pytest

from modelyard.node.launcher.confinement import CellSpec
from modelyard.node.launcher.messages import MESSAGE_BYTES_MAX, Channel, ChannelClosed


@pytest.fixture
def ends() -> tuple[Channel, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(ours), theirs


def test_message_arrives_with_its_descriptors(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    other = Channel(theirs)
    read_end, write_end = os.pipe()
    channel.send({"op": "run", "id": "a"}, [write_end])
    message, fds = other.receive() or ({}, [])
    os.write(fds[0], b"through")
    assert message == {"op": "run", "id": "a"}
    assert os.read(read_end, 10) == b"through"
    assert not os.get_inheritable(fds[0])
    assert other.receive() is None
    for fd in (read_end, write_end, *fds):
        os.close(fd)
    channel.close()
    with pytest.raises(ChannelClosed):
        other.receive()
    other.close()


def test_message_too_long_is_refused_before_it_is_sent(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    with pytest.raises(ValueError, match="bytes"):
        channel.send({"id": "x" * MESSAGE_BYTES_MAX})
    channel.close()
    theirs.close()


def test_messages_wait_in_order_while_nobody_reads(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    other = Channel(theirs)
    for number in range(2000):
        channel.send({"number": number, "fill": "x" * 500})
    assert channel.waiting
    numbers = []
    while len(numbers) < 2000:
        while (received := other.receive()) is not None:
            numbers.append(received[0]["number"])
        channel.flush()
    assert numbers == list(range(2000))
    channel.close()
    other.close()


@pytest.mark.parametrize("data", [b"not json", b"[1]", b"\xff"])
def test_message_that_is_no_object_closes_the_channel(ends: tuple[Channel, socket.socket], data: bytes) -> None:
    channel, theirs = ends
    theirs.send(data)
    with pytest.raises(ChannelClosed):
        channel.receive()
    channel.close()
    theirs.close()


def test_cell_spec_survives_the_wire_and_ignores_what_is_new() -> None:
    spec = CellSpec("pj", "sha256:0", 0, "/py", "/z", ("/w",), ("numpy",), "/tmp", uid=5, gid=5, reach=("/a",))
    assert CellSpec.from_json({**spec.to_json(), "future": 1}) == spec
