"""Real models trained here, the real worker on a Unix socket, and a client that speaks raw HTTP/1.1."""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import joblib
import pandas as pd
import skops.io
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelyard_worker.http import Application, HttpLimits, HttpServer
from modelyard_worker.schema import Column, ModelSchema

CLASSES = {0: "malignant", 1: "benign"}


@functools.cache
def tumour_data() -> tuple[pd.DataFrame, pd.Series]:
    """Thirty columns of floats, and "benign" or "malignant"."""
    bunch = load_breast_cancer(as_frame=True)
    return bunch.data, bunch.target.map(CLASSES)


@functools.cache
def tumour_model() -> Any:
    data, target = tumour_data()
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(data, target)


def tumour_rows(count: int = 1) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = tumour_data()[0][:count].to_dict("records")
    return rows


def save_model(model: Any, files_dir: Path, format_name: str = "skops") -> dict[str, str]:
    """Writes the artifact; the entry of its version document."""
    files_dir.mkdir(parents=True, exist_ok=True)
    name = f"model.{format_name}"
    (skops.io.dump if format_name == "skops" else joblib.dump)(model, files_dir / name)
    return {"kind": "artifact", "entry_point": "", "artifact": name, "artifact_format": format_name}


def write_module(files_dir: Path, source: str, name: str = "model") -> None:
    files_dir.mkdir(parents=True, exist_ok=True)
    (files_dir / f"{name}.py").write_text(source, encoding="utf-8")


def spec_of(files_dir: Path, entry: Mapping[str, Any], sample: Any = None, **more: Any) -> dict[str, Any]:
    """The spec of a worker, for `serving` and `checking` alike."""
    return {
        "project": "demo",
        "model": "mine",
        "version": "1.0.0",
        "version_id": "ve_1",
        "files_dir": str(files_dir),
        "entry": dict(entry),
        "schema": None,
        "timeout_s": 20,
        "body_bytes_max": 1024 * 1024,
        "sample": sample,
        **more,
    }


def schema_of(*inputs: Column, outputs: tuple[Column, ...] = (), key: str = "", layout: str = "dicts") -> ModelSchema:
    return ModelSchema(inputs, outputs, key, layout)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """One connection; sends bytes as they are and reads whole answers."""

    def __init__(self, address: str | tuple[str, int], timeout_s: float = 20.0) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout_s)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self._pending = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def read(self) -> Answer:
        """The next answer. Raises EOFError when the server closed first."""
        while b"\r\n\r\n" not in self._pending:
            self._receive()
        head, _, self._pending = self._pending.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self._pending) < length:
            self._receive()
        body, self._pending = self._pending[:length], self._pending[length:]
        return Answer(int(status_line.split(" ")[1]), headers, body)

    def at_end(self) -> bool:
        """Whether the server closes without another byte."""
        return not self._pending and self.socket.recv(1) == b""

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        self.send(request_bytes(method, path, body, headers))
        return self.read()

    def _receive(self) -> None:
        piece = self.socket.recv(1 << 20)
        if not piece:
            raise EOFError("the server closed the connection")
        self._pending += piece


def request_bytes(method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> bytes:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "host: worker", f"content-length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


@contextlib.contextmanager
def http_server(application: Application, limits: HttpLimits | None = None) -> Iterator[tuple[str, HttpServer]]:
    """Our HTTP server in a thread; its Unix socket's path."""
    with tempfile.TemporaryDirectory(prefix="my-") as folder:
        path = f"{folder}/w.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(128)
            server = HttpServer(application, limits)
            thread = threading.Thread(target=server.run, args=(listener,))
            thread.start()
            try:
                with RawClient(path) as client:  # answers once the loop runs, so that stop() finds it
                    client.ask("GET", "/")
                yield path, server
            finally:
                server.stop()
                thread.join(20)
                assert not thread.is_alive()


@dataclass
class RunningWorker:
    path: str
    process: subprocess.Popen[str]
    log: Path

    def client(self) -> RawClient:
        return RawClient(self.path)


@contextlib.contextmanager
def running_worker(spec: Mapping[str, Any]) -> Iterator[RunningWorker]:
    """The real worker process on a Unix socket, up and answering."""
    with tempfile.TemporaryDirectory(prefix="my-") as folder:
        (Path(folder) / "spec.json").write_text(json.dumps(spec))
        log = Path(folder) / "log"
        command = [sys.executable, "-m", "modelyard_worker", "serve", "--spec", f"{folder}/spec.json"]
        with log.open("w") as output:
            process = subprocess.Popen(
                [*command, "--socket", f"{folder}/w.sock"], stdout=output, stderr=output, text=True
            )
        try:
            _await_answer(f"{folder}/w.sock", process, log)
            yield RunningWorker(f"{folder}/w.sock", process, log)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(20)


def _await_answer(path: str, process: subprocess.Popen[str], log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            with RawClient(path, timeout_s=120) as client:
                client.ask("GET", "/v2/health/ready")
                return
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.02)
    raise TimeoutError(log.read_text())
