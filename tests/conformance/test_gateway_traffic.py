"""What happens to requests under way, too many, too big or too slow; and what the gateway says when it can't."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.gateway import (
    LiveGateway,
    StubModel,
    close_gateway,
    endpoint_state,
    open_gateway,
    parse_answer,
    version_state,
)

from modelyard.contracts.desired_state import CallerState
from modelyard.node.gateway import Gateway, GatewaySettings
from modelyard.node.gateway.errors import ConfigurationRejected, EnvoyNotFound, PlainHttpRefused
from modelyard.node.gateway.resources import clusters

INFER = "/v2/models/demo.mine/infer"
VERSIONS = (version_state("ve_a"), version_state("ve_b", version="1.1.0"))


@pytest.fixture(scope="module")
def opened() -> Iterator[LiveGateway]:
    live = open_gateway()
    yield live
    close_gateway(live)


@pytest.fixture
def live(opened: LiveGateway) -> LiveGateway:
    opened.apply(endpoint_state("mine", "ve_a", ("us_clinic",)), versions=VERSIONS)
    return opened


class Load:
    """Keeps connections busy with predictions until told to stop; counts what came back."""

    def __init__(self, live: LiveGateway, connections: int = 8, pause_s: float = 0.0) -> None:
        self.live = live
        self.statuses: Counter[str] = Counter()
        self.stopping = False
        self.pause_s = pause_s
        token = live.key.token("us_clinic")
        head = f"POST {INFER} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {token}\r\ncontent-length: 2\r\n\r\n"
        self.request = head.encode() + b"{}"
        self.tasks = [asyncio.run_coroutine_threadsafe(self._work(), live.loop) for _ in range(connections)]

    async def _work(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.live.settings.port)
        while not self.stopping:
            try:
                writer.write(self.request)
                head = await reader.readuntil(b"\r\n\r\n")
                answer = parse_answer(head)
                await reader.readexactly(int(answer.headers["content-length"]))
                self.statuses[f"{answer.status} {answer.headers.get('x-modelyard-version', '')}".strip()] += 1
            except (ConnectionError, asyncio.IncompleteReadError):
                self.statuses["broken"] += 1
                reader, writer = await asyncio.open_connection("127.0.0.1", self.live.settings.port)
            await asyncio.sleep(self.pause_s)
        writer.close()

    def stop(self) -> Counter[str]:
        self.stopping = True
        for task in self.tasks:
            task.result(10)
        return self.statuses


def test_swap_of_versions_under_load_fails_no_request(live: LiveGateway) -> None:
    load = Load(live)
    time.sleep(0.3)
    for version_id in ("ve_b", "ve_a", "ve_b"):
        live.apply(endpoint_state("mine", version_id, ("us_clinic",)), versions=VERSIONS)
        time.sleep(0.3)
    statuses = load.stop()
    assert set(statuses) == {"200 1.0.0", "200 1.1.0"}, statuses
    assert sum(statuses.values()) > 100


def test_swap_that_removes_the_old_version_lets_its_requests_finish(live: LiveGateway) -> None:
    slow = asyncio.run_coroutine_threadsafe(
        asyncio.to_thread(live.ask, INFER, live.key.token("us_clinic"), headers={"x-test-sleep": "1"}), live.loop
    )
    time.sleep(0.3)
    live.apply(endpoint_state("mine", "ve_b", ("us_clinic",)), versions=VERSIONS[1:])
    answer = slow.result(10)
    assert answer.status == 200
    assert answer.json()["model"] == "ve_a"
    assert live.ask(INFER, live.key.token("us_clinic")).json()["model"] == "ve_b"


def test_change_of_callers_limits_and_keys_under_load_fails_no_request(live: LiveGateway) -> None:
    load = Load(live)
    for round_number in range(10):
        live.apply(
            endpoint_state("mine", "ve_a", ("us_clinic", f"us_{round_number}"), timeout_s=2.0 + round_number),
            versions=VERSIONS,
            revoked=(f"tk_{round_number}x",),
        )
        time.sleep(0.05)
    statuses = load.stop()
    assert set(statuses) == {"200 1.0.0"}, statuses


def test_restart_of_a_worker_between_requests_fails_none(live: LiveGateway) -> None:
    """The listening socket stays, as the launcher owns it; the connections go."""
    model = live.model("ve_a")
    load = Load(live, connections=2, pause_s=0.01)
    for _ in range(10):
        time.sleep(0.05)
        live.run(model.restart())
    statuses = load.stop()
    assert set(statuses) == {"200 1.0.0"}, statuses


def test_worker_that_breaks_off_gives_503_and_is_not_asked_twice(live: LiveGateway) -> None:
    before = live.model("ve_a").requests
    answer = live.ask(INFER, live.key.token("us_clinic"), headers={"x-test-die": "1"})
    assert answer.status == 503
    assert "demo.mine broke off" in answer.json()["error"]
    assert answer.headers["retry-after"] == "1"
    assert live.model("ve_a").requests == before + 1


def test_body_over_the_limit_is_refused_with_413(live: LiveGateway) -> None:
    live.apply(endpoint_state("mine", "ve_a", ("us_clinic",), body_bytes_max=1000), versions=VERSIONS)
    token = live.key.token("us_clinic")
    assert live.ask(INFER, token, body=b"x" * 1000).json()["received"] == 1000
    answer = live.ask(INFER, token, body=b"x" * 1001)
    assert answer.status == 413
    assert "larger than the 1000 bytes" in answer.json()["error"]


def test_body_of_200_megabytes_is_refused_early(live: LiveGateway) -> None:
    before = live.model("ve_a").requests
    started = time.monotonic()
    answer = live.ask(INFER, live.key.token("us_clinic"), body=bytes(200 * 1024 * 1024))
    assert answer.status == 413
    assert time.monotonic() - started < 5
    assert live.model("ve_a").requests == before


def test_body_of_a_stranger_is_not_read(live: LiveGateway) -> None:
    answer = live.ask(INFER, body=bytes(32 * 1024 * 1024))
    assert answer.status == 401


def test_slow_model_gives_504_after_the_endpoints_limit(live: LiveGateway) -> None:
    live.apply(endpoint_state("mine", "ve_a", ("us_clinic",), timeout_s=0.3), versions=VERSIONS)
    started = time.monotonic()
    answer = live.ask(INFER, live.key.token("us_clinic"), headers={"x-test-sleep": "3"})
    assert answer.status == 504
    assert "demo.mine did not answer within its limit of 0.3 s" in answer.json()["error"]
    assert 0.25 < time.monotonic() - started < 1


def test_endpoint_limit_gives_429_with_retry_after(live: LiveGateway) -> None:
    live.apply(endpoint_state("mine", "ve_a", ("us_clinic",), requests_per_s=5), versions=VERSIONS)
    answers = [live.ask(INFER, live.key.token("us_clinic")) for _ in range(12)]
    assert {a.status for a in answers} == {200, 429}
    assert 4 <= sum(a.status == 200 for a in answers) <= 10
    refused = next(a for a in answers if a.status == 429)
    assert refused.headers["retry-after"] == "1"
    assert "Too many requests" in refused.json()["error"]


def test_caller_limit_binds_that_caller_only(live: LiveGateway) -> None:
    callers = (CallerState("us_clinic", "clinic", "", 3), CallerState("us_free", "free", ""))
    live.apply(endpoint_state("mine", "ve_a", callers), versions=VERSIONS)  # type: ignore[arg-type]
    clinic = [live.ask(INFER, live.key.token("us_clinic")).status for _ in range(10)]
    free = [live.ask(INFER, live.key.token("us_free")).status for _ in range(10)]
    assert 429 in clinic
    assert free == [200] * 10


def test_version_path_has_no_budget_of_its_own(live: LiveGateway) -> None:
    live.apply(endpoint_state("mine", "ve_a", ("us_clinic",), requests_per_s=4), versions=VERSIONS)
    token = live.key.token("us_clinic")
    paths = (INFER, "/v2/models/demo.mine/versions/1.0.0/infer") * 6
    assert sum(live.ask(path, token).status == 200 for path in paths) <= 8


def test_control_plane_away_is_said_and_predictions_go_on(live: LiveGateway) -> None:
    answer = live.ask("/api/v1/me", method="GET", body=b"")
    assert answer.status == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "control_plane.away"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert live.ask(INFER, live.key.token("us_clinic")).status == 200


def test_control_plane_gets_its_requests_whole(live: LiveGateway) -> None:
    control = StubModel("control", live.settings.control_socket)
    live.run(control.start())
    try:
        for path in ("/", "/api/v1/me?x=1", "/ui/", "/login", "/static/a.css", "/openapi.json", "/readyz"):
            answer = live.ask(path, "an.opaque.token", headers={"cookie": "modelyard_session=s", "x-test-sleep": "0"})
            seen = answer.json()
            assert (answer.status, seen["model"], seen["path"]) == (200, "control", path)
            assert seen["headers"]["authorization"] == "Bearer an.opaque.token"
            assert seen["headers"]["cookie"] == "modelyard_session=s"
        assert "modelyard_session" in answer.headers["set-cookie"]
        assert "content-security-policy" not in answer.headers
        upload = live.ask("/api/v1/blobs", body=bytes(64 * 1024 * 1024))
        assert upload.json()["received"] == 64 * 1024 * 1024
        assert live.ask("/api/v1/slow", headers={"x-test-sleep": "3"}).status == 200
        spoofed = live.ask("/api/v1/me", headers={"x-modelyard-caller": "us_admin", "x-modelyard-anything": "1"})
        assert not [name for name in spoofed.json()["headers"] if name.startswith("x-modelyard")]
    finally:
        live.run(control.stop())


def test_probe_goes_through_the_listener(live: LiveGateway) -> None:
    good = live.run(live.gateway.probe("demo", "mine", [{"a": 1}], live.key.token("us_clinic")))
    assert good.status == 200
    assert good.headers["x-modelyard-version"] == "1.0.0"
    assert good.body["path"] == "/v2/models/demo.mine/predict"
    assert live.run(live.gateway.probe("demo", "mine", [{}], live.key.token("us_no"))).status == 404


def test_killed_envoy_is_back_within_a_second_with_everything(live: LiveGateway) -> None:
    pid = live.gateway.status()["pid"]
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    started = time.monotonic()
    token = live.key.token("us_clinic")
    while True:
        try:
            answer = live.ask(INFER, token)
        except OSError:
            answer = None
        if answer is not None and answer.status == 200:
            break
        assert time.monotonic() - started < 5
        time.sleep(0.01)
    took = time.monotonic() - started
    assert took < 1
    status = live.gateway.status()
    assert status["pid"] not in {None, pid}
    assert status["restarts"] >= 1
    # And it takes changes again.
    assert live.apply(endpoint_state("mine", "ve_b", ("us_clinic",)), versions=VERSIONS) < 1
    assert live.ask(INFER, token).json()["model"] == "ve_b"


def test_rejected_view_is_told_and_the_last_good_one_stays(live: LiveGateway) -> None:
    with pytest.raises(ConfigurationRejected) as caught:
        live.apply(endpoint_state("mine", "ve_a", ("us_clinic",), timeout_s=-1), versions=VERSIONS)
    assert "duration" in str(caught.value).lower()
    assert live.gateway.status()["rejection"]
    assert live.ask(INFER, live.key.token("us_clinic")).status == 200
    live.apply(endpoint_state("mine", "ve_b", ("us_clinic",)), versions=VERSIONS)
    assert live.gateway.status()["rejection"] == ""
    assert live.ask(INFER, live.key.token("us_clinic")).json()["model"] == "ve_b"


def test_admin_interface_is_a_private_socket_only(live: LiveGateway) -> None:
    mode = live.settings.admin_socket.stat().st_mode
    assert mode & 0o777 == 0o600
    assert live.settings.xds_socket.stat().st_mode & 0o777 == 0o600
    pid = live.gateway.status()["pid"]
    listening = _tcp_ports(pid)
    assert listening == {live.settings.port}


def _tcp_ports(pid: object) -> set[int]:
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    ports = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    ports.add(int(fields[1].split(":")[1], 16))
    return ports


def test_first_request_is_answered_soon_after_start() -> None:
    started = time.monotonic()
    live = open_gateway()
    try:
        assert live.ask("/v2/health/live", method="GET", body=b"").status == 200
        assert live.ask(INFER).status == 503
        assert time.monotonic() - started < 2
    finally:
        close_gateway(live)


def test_taken_port_is_a_clear_error() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigurationRejected, match="Address already in use"),
    ):
        open_gateway(port=taken.getsockname()[1])


def test_plain_http_beyond_loopback_is_refused(opened: LiveGateway) -> None:
    fields = {name: getattr(opened.settings, name) for name in ("run_dir", "log_dir", "state_dir", "control_socket")}
    with pytest.raises(PlainHttpRefused, match="in the clear"):
        Gateway(GatewaySettings(port=1, listen_host="0.0.0.0", **fields))


@pytest.mark.parametrize(("path", "words"), [("/nowhere/envoy", "not an executable"), ("/bin/true", "no Envoy")])
def test_unusable_envoy_path_is_a_clear_error(path: str, words: str) -> None:
    with pytest.raises(EnvoyNotFound, match=words):
        open_gateway(envoy_path=path)


def test_more_requests_than_workers_hold_gives_429_with_retry_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "CONNECTIONS_MAX", 1)
    monkeypatch.setattr(clusters, "WAITING_MAX", 1)
    live = open_gateway()
    try:
        live.apply(endpoint_state("mine", "ve_a", ("us_clinic",)), versions=VERSIONS)
        token = live.key.token("us_clinic")
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: live.ask(INFER, token, headers={"x-test-sleep": "0.5"}), range(6)))
        assert Counter(a.status for a in answers) == {200: 2, 429: 4}
        refused = next(a for a in answers if a.status == 429)
        assert refused.headers["retry-after"] == "1"
        assert "demo.mine has more requests than its workers can hold" in refused.json()["error"]
    finally:
        close_gateway(live)


def self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "models.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "tls.crt", folder / "tls.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


def test_tls_listener_answers_the_probe_and_no_plain_request(tmp_path: Path) -> None:
    certificate_file, key_file = self_signed(tmp_path)
    live = open_gateway(certificate_file=certificate_file, key_file=key_file)
    try:
        live.apply(endpoint_state("mine", "ve_a", ("us_clinic",)), versions=VERSIONS)
        token = live.key.token("us_clinic")
        assert live.run(live.gateway.probe("demo", "mine", [{}], token)).status == 200
        before = live.model("ve_a").requests
        with pytest.raises((ConnectionError, IndexError)):
            live.ask(INFER, token)
        assert live.model("ve_a").requests == before
    finally:
        close_gateway(live)


def test_unread_event_stream_of_the_control_plane_arrives_as_it_is_written(live: LiveGateway) -> None:
    async def events(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(3):
            writer.write(b"8\r\ndata: x\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.2)
        writer.close()

    async def arrivals() -> list[float]:
        server = await asyncio.start_unix_server(events, str(live.settings.control_socket))
        reader, writer = await asyncio.open_connection("127.0.0.1", live.settings.port)
        writer.write(b"GET /api/v1/builds/1/events HTTP/1.1\r\nhost: t\r\n\r\n")
        times = []
        for _ in range(3):
            await reader.readuntil(b"data: x\n")
            times.append(time.monotonic())
        writer.close()
        server.close()
        return times

    times = live.run(arrivals())
    assert all(0.1 < later - earlier < 0.5 for earlier, later in pairwise(times))
