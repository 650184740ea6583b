"""The HTTP server under clients that behave, and those that don't."""

from __future__ import annotations

import asyncio
import random
import socket
import time

import pytest
from tests.support.worker import RawClient, http_server, request_bytes

from modelyard_worker import http
from modelyard_worker.http import HttpLimits
from modelyard_worker.messages import BadRequest, Request, Response, body_framing, parse_head


def echo(request: Request) -> Response | asyncio.Future[Response]:
    """Answers with what it got; `/slow` a little later, `/boom` never."""
    if request.path == "/boom":
        raise RuntimeError("the application is broken")
    answer = Response(200, f"{request.method} {request.path} ".encode() + bytes(request.body))
    if request.path != "/slow":
        return answer
    later: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.2, lambda: later.done() or later.set_result(answer))
    return later


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def path(request):
    """A server on either loop: a model's environment seldom has uvloop."""
    loops = {"asyncio": None, "uvloop": pytest.importorskip("uvloop")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "_uvloop", loops[request.param])
        yield from served()


def served():
    with http_server(echo, HttpLimits(body_bytes_max=1_000_000, read_timeout_s=0.8)) as (path, _):
        yield path


def test_request_with_keep_alive_uses_one_connection(path):
    with RawClient(path) as client:
        for number in range(50):
            answer = client.ask("POST", f"/{number}", b"hello")
            assert (answer.status, answer.body) == (200, b"POST /%d hello" % number)


def test_pipelined_requests_are_answered_in_order_also_behind_a_slow_one(path):
    names = ["/slow", "/a", "/slow", "/b", *(f"/{n}" for n in range(500))]
    with RawClient(path) as client:
        client.send(b"".join(request_bytes("POST", name, b"x") for name in names))
        assert [client.read().body for _ in names] == [f"POST {name} x".encode() for name in names]


def test_request_sent_byte_by_byte_is_understood(path):
    with RawClient(path) as client:
        for byte in request_bytes("POST", "/bytes", b"body"):
            client.send(bytes([byte]))
        assert client.read().body == b"POST /bytes body"


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_chunked_body_is_joined(path, cut):
    body = bytes(random.Random(1).randbytes(5000))
    chunks = b"".join(b"%x;name=x\r\n%s\r\n" % (len(body[i : i + cut]), body[i : i + cut]) for i in range(0, 5000, cut))
    head = b"POST /chunks HTTP/1.1\r\nhost: w\r\ntransfer-encoding: chunked\r\n\r\n"
    with RawClient(path) as client:
        client.send(head + chunks + b"0\r\ntrailer: 1\r\n\r\n" + request_bytes("GET", "/next"))
        assert client.read().body == b"POST /chunks " + body
        assert client.read().body == b"GET /next "


def test_body_in_many_pieces_is_whole(path):
    body = bytes(random.Random(2).randbytes(999_000))
    with RawClient(path) as client:
        assert client.ask("POST", "/big", body).body == b"POST /big " + body


def test_expectation_is_met_with_continue(path):
    with RawClient(path) as client:
        client.send(b"POST /e HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert client.read().status == 100
        client.send(b"ok")
        assert client.read().body == b"POST /e ok"


def test_http_1_0_closes_after_the_answer(path):
    with RawClient(path) as client:
        client.send(b"GET /old HTTP/1.0\r\n\r\n")
        assert client.read().headers["connection"] == "close"
        assert client.at_end()


def test_half_closed_client_gets_its_answer(path):
    with RawClient(path) as client:
        client.send(request_bytes("GET", "/slow"))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.read().body == b"GET /slow "
        assert client.at_end()


def test_head_request_gets_no_body(path):
    with RawClient(path) as client:
        client.send(request_bytes("HEAD", "/h") + request_bytes("GET", "/after"))
        raw = b""
        while b"GET /after" not in raw:
            raw += client.socket.recv(65536)
        assert b"HEAD /h" not in raw


def test_broken_application_answers_500_and_the_next_request_works(path, capfd):
    with RawClient(path) as client:
        answer = client.ask("GET", "/boom")
        assert (answer.status, "broken" in answer.body.decode()) == (500, False)
        assert client.ask("GET", "/fine").status == 200
    assert "the application is broken" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nname : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nx: a\nb: c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nx: \0\r\n\r\n", 400),
        (b"GET http://else/ HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 1_0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n", 400),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\n", 413),
        (b"POST / HTTP/1.1\r\ncontent-length: 1000001\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 40_000, 431),
        (b"x" * 40_000, 431),
    ],
)
def test_malformed_request_is_refused_and_the_connection_closed(path, sent, status):
    with RawClient(path) as client:
        client.send(sent)
        answer = client.read()
        assert answer.status == status
        assert answer.json()["error"]
        assert client.at_end()


def test_random_garbage_leaves_the_server_alive(path):
    source = random.Random(3)
    for _ in range(100):
        with RawClient(path) as client:
            sent = source.randbytes(source.randrange(1, 3000))
            if source.random() < 0.5:
                sent = request_bytes("POST", "/x", sent)[: source.randrange(1, 200)] + sent
            client.send(sent)
            if source.random() < 0.3:
                client.send(b"\r\n\r\n")
    with RawClient(path) as client:
        assert client.ask("GET", "/alive").status == 200


def test_body_of_200_megabytes_is_refused_before_it_is_sent(path):
    with RawClient(path) as client:
        client.send(b"POST / HTTP/1.1\r\ncontent-length: 209715200\r\n\r\n")
        sent = 0
        try:
            while sent < 209_715_200:
                sent += client.socket.send(b"\0" * 65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 20_000_000
    with RawClient(path) as client:
        client.send(b"POST / HTTP/1.1\r\ncontent-length: 209715200\r\n\r\n" + b"\0" * 1_000_000)
        answer = client.read()
        assert answer.status == 413
        assert answer.json()["error"] == (
            "got a body of 209715200 bytes, expected at most 1000000 bytes. Send fewer rows at once."
        )


@pytest.mark.parametrize("sent", [b"GET / HT", b"POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\nabc"])
def test_slow_client_gets_408_and_others_are_served_meanwhile(path, sent):
    with RawClient(path) as slow, RawClient(path) as brisk:
        slow.send(sent)
        started = time.monotonic()
        while time.monotonic() - started < 0.5:
            assert brisk.ask("GET", "/brisk").status == 200
        assert slow.read().status == 408
        assert slow.at_end()
        assert time.monotonic() - started < 5


def trickle(client):
    for number in range(200):
        client.send(b"x-%d: y\r\n" % number)
        time.sleep(0.05)


def test_trickling_head_is_cut_off(path):
    with RawClient(path) as slow:
        slow.send(b"GET / HTTP/1.1\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            trickle(slow)


def test_idle_connection_is_kept(path):
    with RawClient(path) as client:
        assert client.ask("GET", "/1").status == 200
        time.sleep(1.5)
        assert client.ask("GET", "/2").status == 200


def test_reader_that_never_reads_is_dropped():
    def much(_: Request) -> Response:
        return Response(200, b"x" * 4_000_000)

    with http_server(much, HttpLimits(read_timeout_s=0.5)) as (path, _), RawClient(path) as client:
        client.send(request_bytes("GET", "/") * 10)
        time.sleep(2.5)
        with pytest.raises((ConnectionResetError, EOFError)):
            [client.read() for _ in range(10)]


def test_connections_past_the_limit_are_told_so():
    with http_server(echo, HttpLimits(connections_max=2)) as (path, _):
        time.sleep(0.1)
        with RawClient(path) as one, RawClient(path) as two:
            assert one.ask("GET", "/").status == two.ask("GET", "/").status == 200
            with RawClient(path) as three:
                assert three.read().status == 503


def test_drain_finishes_what_is_in_flight_and_closes_idle_connections():
    with http_server(echo) as (path, server), RawClient(path) as busy, RawClient(path) as idle:
        assert idle.ask("GET", "/").status == 200
        busy.send(request_bytes("GET", "/slow"))
        time.sleep(0.05)
        server.stop()
        assert idle.at_end()
        answer = busy.read()
        assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_parse_head_decodes_path_and_joins_headers():
    request = parse_head(b"GET /v2/models/a%20b?x=%31 HTTP/1.1\r\nA: 1\r\na: 2\r\nConnection: close")
    assert (request.path, request.query) == ("/v2/models/a b", "x=%31")
    assert (request.headers["a"], request.keep_alive) == ("1, 2", False)


def test_body_framing_takes_equal_lengths_once():
    assert body_framing(parse_head(b"POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 5").headers, 10) == 5
    with pytest.raises(BadRequest):
        body_framing({"content-length": "11"}, 10)
