"""A real gateway for tests: the real Envoy, stub model servers on Unix sockets, real EdDSA tokens, raw requests."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelyard.contracts.desired_state import (
    CallerState,
    DesiredState,
    EndpointState,
    PreviewState,
    RevokedToken,
    SplitState,
    VersionState,
)
from modelyard.node.gateway import Gateway, GatewaySettings, GatewayView

T = TypeVar("T")
INSTALLATION = "in_test"


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class TokenKey:
    """Signs tokens as the control plane does, and as it never would."""

    def __init__(self, key_id: str = "k1") -> None:
        self.key_id = key_id
        self.private = Ed25519PrivateKey.generate()

    def jwk(self) -> dict[str, str]:
        public = base64url(self.private.public_key().public_bytes_raw())
        return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.key_id, "x": public}

    def token(self, sub: str, *, jti: str = "tk_1", header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        now = int(time.time())
        body = {
            "iss": INSTALLATION,
            "aud": "modelyard",
            "sub": sub,
            "jti": jti,
            "iat": now,
            "exp": now + 3600,
            "typ": "api",
            **claims,
        }
        head = {"alg": "EdDSA", "typ": "JWT", "kid": self.key_id, **(header or {})}
        signed = f"{base64url(json.dumps(head).encode())}.{base64url(json.dumps(body).encode())}"
        return f"{signed}.{base64url(self.private.sign(signed.encode()))}"


def version_state(version_id: str, model: str = "mine", version: str = "1.0.0", project: str = "demo") -> VersionState:
    return VersionState(version_id, project, f"pj_{project}", model, version, "sha256:00", {})


def endpoint_state(name: str, version_id: str | None, callers: tuple[str, ...], **fields: Any) -> EndpointState:
    split = (SplitState(version_id, f"re_{name}", 7, 100, {}),) if version_id else ()
    project = fields.pop("project", "demo")
    return EndpointState(
        f"ep_{project}_{name}",
        project,
        f"pj_{project}",
        name,
        split,
        tuple(c if isinstance(c, CallerState) else CallerState(c, c, "test") for c in callers),
        **fields,
    )


def preview_state(version_id: str, model: str, version: str, callers: tuple[str, ...]) -> PreviewState:
    people = tuple(CallerState(c, c, "test") for c in callers)
    return PreviewState(version_id, "demo", model, version, people, {}, "2099-01-01T00:00:00Z")


def desired_state(
    endpoints: tuple[EndpointState, ...] = (),
    versions: tuple[VersionState, ...] = (),
    *,
    previews: tuple[PreviewState, ...] = (),
    revoked: tuple[str, ...] = (),
    keys: tuple[dict[str, str], ...] = (),
    number: int = 1,
) -> DesiredState:
    return DesiredState(
        installation=INSTALLATION,
        number=number,
        issued_at="2026-01-01T00:00:00Z",
        expires_at="2099-01-01T00:00:00Z",
        token_keys={"keys": list(keys)},
        probe_token="",
        versions=versions,
        endpoints=endpoints,
        previews=previews,
        revoked=tuple(RevokedToken(jti, "2099-01-01T00:00:00Z") for jti in revoked),
    )


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def parse_answer(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Answer(int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}, body)


class StubModel:
    """Answers with what it was asked; `x-test-sleep` delays, and it tries to speak with the gateway's voice."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self.requests = 0
        self.draining = False
        self.server: asyncio.Server | None = None
        self.writers: set[asyncio.StreamWriter] = set()
        self.busy: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self.server = await asyncio.start_unix_server(self._serve, str(self.path), backlog=1024)

    async def stop(self) -> None:
        assert self.server is not None
        self.server.close()
        for writer in list(self.writers):
            writer.close()
        await self.server.wait_closed()

    async def restart(self) -> None:
        """As a worker that drains: answers ask to close, then what is idle is closed. The listening socket stays."""
        self.draining = True
        await asyncio.sleep(0.1)
        for writer in self.writers - self.busy:
            writer.close()
        self.draining = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.writers.discard(writer)
            self.busy.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.busy.add(writer)
        first, *lines = head.strip().split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        received = 0
        if headers.get("transfer-encoding") == "chunked":
            while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
                received += len(await reader.readexactly(size + 2)) - 2
            await reader.readexactly(2)
        elif length := int(headers.get("content-length", 0)):
            received = len(await reader.readexactly(length))
        self.requests += 1
        await asyncio.sleep(float(headers.get("x-test-sleep", 0)))
        if headers.get("x-test-die"):
            return False
        method, path, _ = first.split(" ", 2)
        body = json.dumps(
            {"model": self.name, "method": method, "path": path, "headers": headers, "received": received}
        ).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"x-modelyard-endpoint: lie\r\nx-modelyard-version: lie\r\nx-modelyard-caller: lie\r\n"
            b"x-request-id: lie\r\nset-cookie: modelyard_session=stolen\r\n%s\r\n%s"
            % (len(body), b"connection: close\r\n" if self.draining else b"", body)
        )
        await writer.drain()
        self.busy.discard(writer)
        return not self.draining


@dataclass
class LiveGateway:
    """A running gateway on its own event loop thread, driven from the test's thread."""

    gateway: Gateway
    settings: GatewaySettings
    loop: asyncio.AbstractEventLoop
    key: TokenKey
    folder: Path
    models: dict[str, StubModel] = field(default_factory=dict)
    view: GatewayView | None = None

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float = 60) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout_s)

    def model(self, version_id: str) -> StubModel:
        """A stub that answers as this version."""
        if version_id not in self.models:
            stub = StubModel(version_id, self.folder / f"{version_id}.sock")
            self.run(stub.start())
            self.models[version_id] = stub
        return self.models[version_id]

    def apply(
        self,
        *endpoints: EndpointState,
        versions: tuple[VersionState, ...] = (),
        previews: tuple[PreviewState, ...] = (),
        revoked: tuple[str, ...] = (),
        keys: tuple[TokenKey, ...] = (),
        serving: Mapping[str, str | None] | None = None,
        previews_ready: frozenset[str] = frozenset(),
    ) -> float:
        """Applies these endpoints, each serving its first split's version from a stub. Returns the seconds."""
        desired = desired_state(
            endpoints,
            versions,
            previews=previews,
            revoked=revoked,
            keys=tuple(k.jwk() for k in keys or (self.key,)),
        )
        default = {e.endpoint_id: e.splits[0].version_id if e.splits else None for e in endpoints}
        sockets = {v.version_id: str(self.model(v.version_id).path) for v in versions}
        self.view = GatewayView(desired, serving if serving is not None else default, sockets, previews_ready)
        return self.run(self.gateway.apply(self.view))

    def change(self, **fields: Any) -> float:
        """Applies the current view with fields of its desired state replaced."""
        assert self.view is not None
        self.view = replace(self.view, desired=replace(self.view.desired, **fields))
        return self.run(self.gateway.apply(self.view))

    def raw(self, request: bytes, timeout_s: float = 20) -> Answer:
        """Sends exactly these bytes; reads one answer until its length or the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.settings.port), timeout=timeout_s) as connection:
            try:
                connection.sendall(request)
            except (BrokenPipeError, ConnectionResetError):
                pass
            received = _read_answer(connection)
        if not received:
            raise ConnectionError("the gateway closed the connection without an answer")
        return parse_answer(received)

    def ask(
        self,
        path: str,
        token: str | None = None,
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"{}",
    ) -> Answer:
        """A request with the path exactly as given."""
        lines = [f"{method} {path} HTTP/1.1", "host: test", "connection: close", f"content-length: {len(body)}"]
        if token is not None:
            lines.append(f"authorization: Bearer {token}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def _read_answer(connection: socket.socket) -> bytes:
    received = b""
    while True:
        try:
            chunk = connection.recv(65536)
        except ConnectionResetError:
            break
        if not chunk:
            break
        received += chunk
        head, found, body = received.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if found and lengths and len(body) >= int(lengths[0].split(b":")[1]):
            break
    return received


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def open_gateway(folder: Path | None = None, **settings: Any) -> LiveGateway:
    """Starts one; `close_gateway` ends it. Sockets lie in a short path, as Unix sockets need."""
    short = Path(tempfile.mkdtemp(prefix="mygw"))
    folder = folder or short
    fields: dict[str, Any] = {
        "port": free_port(),
        "run_dir": short,
        "log_dir": folder / "logs",
        "state_dir": folder / "state",
        "control_socket": short / "control.sock",
        "concurrency": 1,
        **settings,
    }
    made = GatewaySettings(**fields)
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    threading.Thread(target=_run_loop, args=(loop, ready), daemon=True, name=f"gateway-{uuid.uuid4().hex[:6]}").start()
    ready.wait(5)
    gateway = Gateway(made)
    live = LiveGateway(gateway, made, loop, TokenKey(), short)
    live.run(gateway.start())
    return live


def _run_loop(loop: asyncio.AbstractEventLoop, ready: threading.Event) -> None:
    asyncio.set_event_loop(loop)
    loop.call_soon(ready.set)
    loop.run_forever()


def close_gateway(live: LiveGateway) -> None:
    live.run(live.gateway.stop())
    for model in live.models.values():
        live.run(model.stop())
    live.loop.call_soon_threadsafe(live.loop.stop)
