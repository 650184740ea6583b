"""HTTP/1.1 messages: reading a head strictly, deciding how a body is framed, writing an answer's head. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from modelyard_worker.jsontext import dumps

HEAD_BYTES_MAX = 32 * 1024

_REASONS = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    413: "Content Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
}  # fmt: skip
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
_header_names: dict[str, str] = {}


@dataclass
class Request:
    """`path` is percent-decoded; header names are lower case; `body` is writable when it came in several pieces."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes | bytearray = b""
    keep_alive: bool = True


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class BadRequest(Exception):
    """What was sent can't be read as a request; the connection can't be used any further."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def error_response(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    """The Open Inference Protocol's error body, `{"error": text}`."""
    return Response(status, dumps({"error": text}), headers=headers or {})


def parse_head(head: bytes) -> Request:
    """The request line and headers, without the blank line. Raises BadRequest."""
    text = head.decode("latin-1")
    lines = text.split("\r\n")
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
        raise BadRequest(400, "the head has a bare CR, LF or NUL")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not parts[1].startswith("/"):
        raise BadRequest(400, "got no HTTP request line, expected such as: POST /v2/models/demo.mine/predict HTTP/1.1")
    method, target, version = parts
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest(505, f"got {version[:20]}, expected HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        raw_name, colon, value = line.partition(":")
        name = _header_names.get(raw_name) or _header_name(raw_name, colon)
        value = value.strip(" \t")
        if name in headers:
            if name in ("content-length", "transfer-encoding") and headers[name] != value:
                raise BadRequest(400, f"got two different {name} headers")
            value = value if name == "content-length" else f"{headers[name]}, {value}"
        headers[name] = value
    connection = headers.get("connection", "").lower()
    keep_alive = "close" not in connection and (version == "HTTP/1.1" or "keep-alive" in connection)
    path, _, query = target.partition("?")
    return Request(method, unquote(path) if "%" in path else path, query, headers, keep_alive=keep_alive)


def _header_name(raw: str, colon: str) -> str:
    if not colon or not _TOKEN.fullmatch(raw):
        raise BadRequest(400, f"got a malformed header line beginning {raw[:40]!r}")
    if len(_header_names) < 256:
        _header_names[raw] = raw.lower()
    return raw.lower()


def body_framing(headers: dict[str, str], body_bytes_max: int) -> int:
    """Length of the body in bytes, or -1 for chunked. Raises BadRequest when ambiguous or too large."""
    coding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if coding is not None:
        if length is not None:
            raise BadRequest(400, "got both Content-Length and Transfer-Encoding")
        if coding.lower() != "chunked":
            raise BadRequest(501, f"got Transfer-Encoding {coding[:40]!r}, expected chunked")
        return -1
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit() and len(length) <= 18):
        raise BadRequest(400, f"got Content-Length {length[:40]!r}, expected a number of bytes")
    if int(length) > body_bytes_max:
        raise BadRequest(413, too_large(f"a body of {int(length)} bytes", body_bytes_max))
    return int(length)


def too_large(what: str, body_bytes_max: int) -> str:
    return f"got {what}, expected at most {body_bytes_max} bytes. Send fewer rows at once"


def response_head(response: Response, keep_alive: bool) -> bytes:
    """Status line and headers with the blank line."""
    lines = [
        (
            f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Status')}\r\n"
            f"content-type: {response.content_type}\r\ncontent-length: {len(response.body)}\r\n"
        )
    ]
    lines += [f"{name}: {value}\r\n" for name, value in response.headers.items()]
    lines.append("\r\n" if keep_alive else "connection: close\r\n\r\n")
    return "".join(lines).encode("latin-1")
