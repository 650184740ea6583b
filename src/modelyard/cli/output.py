"""How the command line speaks: results on stdout, everything about them on stderr; exit codes by kind of error.

0    done                              7    conflict: it exists, or is in another state
1    a fault of ours                   8    somebody changed it since you read it
2    the command line is wrong         9    too many requests
3    a value is wrong                  10   not ready, or nobody answers
4    not logged in                     11   no answer in time
5    no permission                     12   a build, test, check or step failed
6    not found                         130  interrupted
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.settings import wants_color

if TYPE_CHECKING:
    from modelyard.sdk.client import Client

EXIT_CODES: dict[str, int] = {
    "internal": 1, "invalid": 3, "unauthenticated": 4, "denied": 5, "not_found": 6, "conflict": 7, "precondition": 8,
    "limited": 9, "not_ready": 10, "unavailable": 10, "timeout": 11, "failed": 12,
}  # fmt: skip
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
ERROR_WIDTH = 92
SHORT_DIGEST = 4


@dataclass(slots=True)
class Cli:
    """What the global options say. `client()` opens the connection at first use."""

    profile: str = ""
    project: str = ""
    url: str = ""
    as_json: bool = False
    _client: Client | None = field(default=None, repr=False)

    def client(self) -> Client:
        """As the chosen profile. Raises Unauthenticated when nobody is logged in."""
        if self._client is None:
            from modelyard.sdk.client import Client

            self._client = Client.from_profile(self.profile, url=self.url, project=self.project, agent="cli")
        return self._client

    def close(self) -> None:
        """Ends the connection, if one was opened."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def show(self, document: Any, text: str) -> None:
        """The document with `--json`, the text otherwise."""
        if self.as_json:
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        elif text:
            click.echo(text)

    def show_list(
        self, documents: Sequence[Any], headers: Sequence[str], rows: Iterable[Sequence[Any]], empty: str
    ) -> None:
        """A table; with `--json` a list; `empty` says what to do when there is nothing."""
        if self.as_json:
            click.echo(json.dumps({"items": list(documents)}, indent=2, ensure_ascii=False))
        elif documents:
            click.echo(table(headers, rows))
        else:
            note(empty)


pass_cli = click.make_pass_decorator(Cli, ensure=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Columns aligned, two spaces apart; numbers to the right."""
    values = [list(row) for row in rows]
    cells = [[_cell(value) for value in row] for row in values]
    columns = range(len(headers))
    right = [bool(values) and all(isinstance(row[at], (int, float)) for row in values) for at in columns]
    widths = [max(len(row[at]) for row in [list(headers), *cells]) for at in columns]
    lines = [
        "  ".join(
            text.rjust(widths[at]) if right[at] else text.ljust(widths[at]) for at, text in enumerate(row)
        ).rstrip()
        for row in [list(headers), *cells]
    ]
    lines[0] = style(lines[0], dim=True)
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return str(value)


def style(text: str, **how: Any) -> str:
    """Coloured on a terminal, plain elsewhere and under NO_COLOR."""
    return click.style(text, **how) if sys.stdout.isatty() and wants_color() else text


def note(text: str) -> None:
    """Something about the result, for a person: on stderr."""
    click.echo(text, err=True)


def right_aligned(left: str, right: str, width: int = 53) -> str:
    """`left`, and `right` where the eye finds times."""
    return f"{left:<{width}}{right}" if len(left) < width else f"{left}  {right}"


def short_digest(digest: str) -> str:
    """`sha256:9f2c…`"""
    kind, _, digits = digest.partition(":")
    return f"{kind}:{digits[:SHORT_DIGEST]}…" if digits else digest


def seconds(value: float) -> str:
    """`6 ms` below a tenth of a second, `2.4 s` above, `35 s` from ten."""
    if value < 0.1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def render_error(detail: str, hint: str = "", code: str = "", request_id: str = "") -> str:
    """The block that a person reads: what happened, the next thing to do, the code at the right."""
    lines = detail.strip().splitlines() or ["Something went wrong."]
    if hint:
        lines.append(hint if hint.startswith("Next:") else f"Next: {hint}")
    tail = " · ".join(part for part in (code, f"request {request_id}" if request_id else "") if part)
    if tail:
        last = lines.pop()
        gap = max(2, ERROR_WIDTH - len(last) - len(tail))
        lines.append(last + " " * gap + tail)
    return "\n".join(lines)


def report_error(error: BaseException, *, as_json: bool = False) -> int:
    """Writes the error to stderr and returns the exit code of its kind."""
    from modelyard.contracts.manifest import ManifestError
    from modelyard.kernel.errors import PlatformError
    from modelyard.sdk.errors import ModelyardError

    if isinstance(error, ManifestError):
        fields = {"detail": error.detail, "hint": error.next_step, "code": error.code, "request_id": ""}
        text, kind = error.report(), error.kind.value
    elif isinstance(error, ModelyardError):
        fields = {"detail": error.detail, "hint": error.hint, "code": error.code, "request_id": error.request_id}
        text, kind = render_error(**fields), error.kind
    elif isinstance(error, PlatformError):
        fields = {"detail": error.detail, "hint": error.next_step, "code": error.code, "request_id": ""}
        text, kind = render_error(**fields), error.kind.value
    else:
        fields = {"detail": f"{type(error).__name__}: {error}", "hint": "", "code": "internal", "request_id": ""}
        text, kind = render_error(**fields), "internal"
    if as_json:
        text = json.dumps({**fields, "kind": kind, "exit_code": EXIT_CODES[kind]}, ensure_ascii=False)
    click.echo(text, err=True)
    return EXIT_CODES[kind]
