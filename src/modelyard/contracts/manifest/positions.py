"""Where each key and value of a TOML text stands; `tomllib` keeps no positions.

The text has been accepted by `tomllib` before, so this scanner trusts it to be valid and only keeps count.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'", re.DOTALL)
_SCALAR = re.compile(r"[^,\]}\n#]+")


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of characters."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Positions:
    """Spans by path; a path is keys and, in arrays, indices."""

    keys: dict[Path, Span]
    values: dict[Path, Span]
    headers: dict[Path, Span]


def find_positions(text: str) -> Positions:
    """Scans a valid TOML text."""
    scanner = _Scanner(text)
    scanner.document()
    return Positions(scanner.keys, scanner.values, scanner.headers)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.keys: dict[Path, Span] = {}
        self.values: dict[Path, Span] = {}
        self.headers: dict[Path, Span] = {}
        self._lengths: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while True:
            self._skip(_BLANK)
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        start = self.at
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        path: Path = ()
        parts = self._dotted()
        for part, span in parts[:-1]:
            path = self._inside((*path, part))
            self.keys.setdefault(path, span)
        path = (*path, parts[-1][0])
        self._skip(_SPACE)
        self.at += 2 if is_array else 1
        span = Span(start, self.at)
        self.keys.setdefault(path, parts[-1][1])
        self.headers.setdefault(path, span)
        if is_array:
            index = self._lengths.get(path, 0)
            self._lengths[path] = index + 1
            path = (*path, index)
            self.headers[path] = span
            self.values[path] = span
        self.values.setdefault(path, span)
        return path

    def _inside(self, path: Path) -> Path:
        """A header's path through an array of tables means its newest table."""
        return (*path, self._lengths[path] - 1) if path in self._lengths else path

    def _pair(self, table: Path) -> None:
        path = table
        for part, span in self._dotted():
            path = (*path, part)
            self.keys.setdefault(path, span)
        self._skip(_SPACE)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _dotted(self) -> list[tuple[str, Span]]:
        parts = []
        while True:
            self._skip(_SPACE)
            start = self.at
            if self.text[self.at] in "\"'":
                self._skip(_STRING)
                name = str(tomllib.loads("k = " + self.text[start : self.at])["k"])
            else:
                self._skip(_BARE)
                name = self.text[start : self.at]
            parts.append((name, Span(start, self.at)))
            self._skip(_SPACE)
            if self.at >= len(self.text) or self.text[self.at] != ".":
                return parts
            self.at += 1

    def _value(self, path: Path) -> None:
        start = self.at
        first = self.text[self.at]
        if first in "\"'":
            self._skip(_STRING)
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._skip(_SCALAR)
        end = start + len(self.text[start : self.at].rstrip())
        self.values[path] = Span(start, end)

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while True:
            self._skip(_BLANK)
            if self.text[self.at] == "]":
                break
            self._value((*path, index))
            index += 1
            self._skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self._skip(_BLANK)
            if self.text[self.at] == "}":
                break
            self._pair(path)
            self._skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
        self.at += 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"not valid TOML at character {self.at}")
        self.at = match.end()
