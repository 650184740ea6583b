"""Asking one worker directly over its socket, and judging its answer against what the build's check recorded."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

ANSWER_BYTES_MAX = 64 * 1024 * 1024
RELATIVE_TOLERANCE = 1e-6
SHOWN_CHARS_MAX = 500


class WrongAnswer(Exception):
    """The model loaded, and does not say what it said when it was built."""


async def ask(socket_path: Path, method: str, path: str, body: Any | None = None) -> tuple[int, Any]:
    """One HTTP/1.1 request on a connection of its own: status and JSON body (or text). Raises OSError and
    EOFError. Has no timeout of its own."""
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_unix_connection(str(socket_path), limit=1 << 20)
    try:
        writer.write(head.encode() + content)
        await writer.drain()
        answer_head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(answer_head[0].split()[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in answer_head[1:])}
        length = int(headers.get("content-length", "0"))
        if length > ANSWER_BYTES_MAX:
            raise OSError(f"an answer of {length} bytes")
        text = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError, ValueError) as problem:
        raise OSError(f"the worker's answer broke off: {problem!r}") from problem
    finally:
        writer.close()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text.decode(errors="replace")


def check_answer(status: int, answer: Any, expected: list[dict[str, Any]] | None) -> None:
    """Raises WrongAnswer unless it is a good one with the expected rows; None expects any good one."""
    if status != 200:
        raise WrongAnswer(f"the sample rows got status {status}: {_short(answer)}")
    predictions = answer.get("predictions") if isinstance(answer, dict) else None
    if not isinstance(predictions, list):
        raise WrongAnswer(f"the sample rows got no predictions: {_short(answer)}")
    if expected is not None and not is_same(predictions, expected):
        raise WrongAnswer(
            f"the sample rows got {_short(predictions)}, and the build recorded {_short(expected)} (numbers may differ "
            f"by {RELATIVE_TOLERANCE:g} of their size)"
        )


def is_same(got: Any, expected: Any) -> bool:
    """Equal JSON, numbers within RELATIVE_TOLERANCE; an integer and a float may be equal, a boolean is no number."""
    if isinstance(got, bool) or isinstance(expected, bool):
        return got is expected
    if isinstance(got, (int, float)) and isinstance(expected, (int, float)):
        return math.isclose(got, expected, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12)
    if isinstance(got, dict) and isinstance(expected, dict):
        return got.keys() == expected.keys() and all(is_same(got[name], expected[name]) for name in got)
    if isinstance(got, list) and isinstance(expected, list):
        return len(got) == len(expected) and all(map(is_same, got, expected))
    return bool(got == expected)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "…"
