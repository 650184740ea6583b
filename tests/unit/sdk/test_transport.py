"""Repeats, errors and event streams, against a transport that answers from a script."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from modelyard.sdk import transport as transport_module
from modelyard.sdk.errors import Conflict, Denied, Limited, NotFound, ServerFault, Unavailable, error_of
from modelyard.sdk.transport import Transport, backoff_s

Step = httpx.Response | Exception


class Scripted(httpx.BaseTransport):
    """Plays answers and failures in order, and keeps what was asked."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.seen: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.seen.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module.time, "sleep", lambda _: None)


def talk(*steps: Step) -> tuple[Transport, Scripted]:
    scripted = Scripted(*steps)
    return Transport("http://127.0.0.1:1", "secret", http=scripted), scripted


def test_request_unavailable_then_good_repeats_with_the_same_idempotency_key() -> None:
    transport, scripted = talk(httpx.Response(503), httpx.ConnectError("gone"), httpx.Response(201, json={"id": 1}))
    assert transport.json("POST", "/api/v1/projects", body={"name": "demo"}) == {"id": 1}
    keys = {request.headers["idempotency-key"] for request in scripted.seen}
    assert len(scripted.seen) == 3
    assert len(keys) == 1


def test_request_two_changes_carry_different_keys() -> None:
    transport, scripted = talk(httpx.Response(201, json={}), httpx.Response(201, json={}))
    transport.json("POST", "/api/v1/projects", body={})
    transport.json("POST", "/api/v1/projects", body={})
    assert scripted.seen[0].headers["idempotency-key"] != scripted.seen[1].headers["idempotency-key"]


def test_request_prediction_carries_no_idempotency_key() -> None:
    transport, scripted = talk(httpx.Response(200, json={}))
    transport.json("POST", "/v2/models/demo.mine/predict", body={})
    assert "idempotency-key" not in scripted.seen[0].headers


def test_request_streamed_body_is_made_anew_for_every_attempt() -> None:
    transport, scripted = talk(httpx.Response(503), httpx.Response(204))
    transport.request("PUT", "/api/v1/projects/demo/blobs/x", content=lambda: iter([b"ab", b"c"]))
    assert [request.content for request in scripted.seen] == [b"abc", b"abc"]


def test_request_says_who_asks() -> None:
    transport, scripted = talk(httpx.Response(200, json={}))
    transport.json("GET", "/api/v1/me")
    assert scripted.seen[0].headers["authorization"] == "Bearer secret"
    assert scripted.seen[0].headers["user-agent"].startswith("modelyard-sdk/")


def test_request_never_answered_raises_unavailable_with_the_next_step() -> None:
    transport, scripted = talk(*[httpx.ConnectError("refused")] * 6)
    with pytest.raises(Unavailable) as caught:
        transport.json("GET", "/api/v1/me")
    assert len(scripted.seen) == 6
    assert "modelyard up" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, Denied), (404, NotFound), (409, Conflict), (429, Limited), (500, ServerFault), (502, ServerFault)],
)
def test_request_problem_becomes_its_error(status: int, kind: type[Exception]) -> None:
    problem = {"detail": "what", "code": "a.b", "hint": "do", "request_id": "r1", "params": {"n": 1}}
    transport, _ = talk(httpx.Response(status, json=problem))
    with pytest.raises(kind) as caught:
        transport.json("GET", "/x")
    assert (caught.value.code, caught.value.hint, caught.value.request_id) == ("a.b", "do", "r1")  # type: ignore[attr-defined]
    assert str(caught.value) == "what\nNext: do        a.b · request r1"


def test_error_of_prediction_answer_shows_its_error_text() -> None:
    assert error_of(400, {"error": 'rows[0]."a": got null'}).detail == 'rows[0]."a": got null'


def test_error_of_html_page_shows_no_more_than_a_line_of_it() -> None:
    assert len(error_of(502, "<html>" * 1000).detail) <= 300


def test_events_broken_off_stream_resumes_after_the_last_id() -> None:
    first = b'id: 1\nevent: log\ndata: {"line":"a"}\n\nid: 2\nevent: log\ndata: {"li'
    second = b': still here\n\nid: 2\nevent: log\ndata: {"line":"b"}\n\nid: 3\nevent: done\ndata: {}\n\n'

    def broken() -> httpx.Response:
        def pieces():  # type: ignore[no-untyped-def]
            yield first
            raise httpx.ReadError("lost")

        return httpx.Response(200, stream=Pieces(pieces))

    transport, scripted = talk(broken(), httpx.Response(200, content=second))
    assert list(transport.events("/e")) == [("log", {"line": "a"}), ("log", {"line": "b"}), ("done", {})]
    assert [request.headers["last-event-id"] for request in scripted.seen] == ["0", "1"]


class Pieces(httpx.SyncByteStream):
    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make

    def __iter__(self):  # type: ignore[no-untyped-def]
        return self._make()


def test_backoff_grows_and_heeds_retry_after_within_bounds() -> None:
    assert [backoff_s(attempt) for attempt in (0, 1, 2, 20)] == [0.1, 0.2, 0.4, 3.0]
    assert backoff_s(0, "1") == 1.0
    assert backoff_s(0, "86400") == 1.0
    assert backoff_s(0, "Wed, 21 Oct 2026") == 0.1
