"""Access records of the running Envoy: found by id, complete, stored once whatever dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.gateway import Answer, LiveGateway, close_gateway, endpoint_state, open_gateway, version_state

from modelyard.node.gateway.access_store import AccessStore

INFER = "/v2/models/demo.mine/infer"


def opened(folder: Path, **settings: object) -> LiveGateway:
    live = open_gateway(folder, **settings)
    live.apply(endpoint_state("mine", "ve_a", ("us_clinic",)), versions=(version_state("ve_a"),))
    return live


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    gateway = opened(tmp_path_factory.mktemp("records"))
    yield gateway
    close_gateway(gateway)


def prediction_id(answer: Answer) -> str:
    return f"pr_{answer.headers['x-request-id']}"


def test_record_is_found_by_the_prediction_id_and_says_who_what_when(live: LiveGateway) -> None:
    answer = live.ask(f"{INFER}?api_key=secret", live.key.token("us_clinic", jti="tk_7"), body=b"12345")
    record = live.run(live.gateway.find_access_record(prediction_id(answer)))
    assert record is not None
    expected = {
        "request_id": answer.headers["x-request-id"],
        "kind": "endpoint",
        "caller": "us_clinic",
        "token_id": "tk_7",
        "endpoint": "demo.mine",
        "version": "1.0.0",
        "version_id": "ve_a",
        "release_id": "re_mine",
        "release_number": 7,
        "method": "POST",
        "path": INFER,
        "status": 200,
        "request_bytes": 5,
        "answer_bytes": len(answer.body),
        "peer": "127.0.0.1",
    }
    assert {name: record[name] for name in expected} == expected
    assert 0 < record["model_us"] <= record["total_us"]
    assert record["time"].startswith("20")
    assert record["time"].endswith("Z")


def test_refusal_is_recorded_with_its_reason(live: LiveGateway) -> None:
    stranger = live.ask(INFER, live.key.token("us_stranger"))
    record = live.run(live.gateway.find_access_record(prediction_id(stranger)))
    assert record is not None
    assert (record["status"], record["caller"]) == (404, "us_stranger")
    assert "rbac_access_denied" in record["details"]
    anonymous = live.ask(INFER)
    record = live.run(live.gateway.find_access_record(prediction_id(anonymous)))
    assert record is not None
    assert record["status"] == 401


def test_control_plane_and_health_are_not_recorded(live: LiveGateway) -> None:
    for path in ("/api/v1/me", "/v2/health/live"):
        answer = live.ask(path, method="GET", body=b"")
        assert live.run(live.gateway.find_access_record(prediction_id(answer))) is None


def test_header_with_quotes_and_newlines_cannot_forge_a_record(live: LiveGateway) -> None:
    path = '/v2/models/demo.mine/infer","caller":"us_admin'
    answer = live.ask(path, live.key.token("us_clinic"))
    record = live.run(live.gateway.find_access_record(prediction_id(answer)))
    assert record is not None
    assert record["caller"] == "us_clinic"


def test_unknown_id_has_no_record(live: LiveGateway) -> None:
    assert live.run(live.gateway.find_access_record("pr_none")) is None


def test_event_loop_is_not_held_up_while_records_are_stored(live: LiveGateway) -> None:
    async def longest_gap() -> float:
        worst, last = 0.0, time.monotonic()
        while last < deadline:
            await asyncio.sleep(0.001)
            now = time.monotonic()
            worst, last = max(worst, now - last), now
        return worst

    line = {"prediction_id": "", "time": "2026-01-01T00:00:00.000Z", "endpoint": "demo.mine", "filler": "x" * 400}
    deadline = time.monotonic() + 3
    measured = asyncio.run_coroutine_threadsafe(longest_gap(), live.loop)
    with live.settings.access_log.open("a") as log:
        for number in range(20_000):
            log.write(json.dumps({**line, "prediction_id": f"pr_bulk{number}"}) + "\n")
    assert measured.result(10) < 0.25
    assert live.run(live.gateway.find_access_record("pr_bulk19999")) is not None


def ask_many(live: LiveGateway, count: int) -> set[str]:
    token = live.key.token("us_clinic")
    return {prediction_id(live.ask(INFER, token)) for _ in range(count)}


def test_rotation_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    live = opened(tmp_path, access_log_bytes_max=20_000)
    try:
        expected = set()
        for _ in range(8):
            expected |= ask_many(live, 40)
            time.sleep(0.12)
        time.sleep(0.6)
        expected |= ask_many(live, 5)
    finally:
        close_gateway(live)
    store = AccessStore(tmp_path / "state/access.db")
    assert [p for p in expected if store.find(p) is None] == []
    assert store.count() == len(expected)
    assert live.settings.access_log.stat().st_size < 100_000
    assert len(list(live.settings.log_dir.glob("access.log*"))) <= 2


def test_killed_envoy_loses_no_record_of_what_was_answered_earlier(tmp_path: Path) -> None:
    live = opened(tmp_path)
    try:
        expected = ask_many(live, 30)
        time.sleep(0.3)
        os.kill(live.gateway.status()["pid"], signal.SIGKILL)
        time.sleep(0.8)
        expected |= ask_many(live, 30)
        time.sleep(0.4)
    finally:
        close_gateway(live)
    store = AccessStore(tmp_path / "state/access.db")
    assert [p for p in expected if store.find(p) is None] == []


def test_records_of_an_earlier_run_are_kept_and_new_ones_added(tmp_path: Path) -> None:
    expected: set[str] = set()
    for _ in range(3):
        live = opened(tmp_path)
        try:
            expected |= ask_many(live, 10)
        finally:
            close_gateway(live)
    store = AccessStore(tmp_path / "state/access.db")
    assert [p for p in expected if store.find(p) is None] == []
    assert store.count() == len(expected)
