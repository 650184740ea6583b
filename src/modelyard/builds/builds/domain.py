"""A build, its steps and its events. Pure."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from modelyard.builds.sources.domain import GitSource, SourceFile

BuildState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
StepState = Literal["pending", "running", "succeeded", "failed", "cancelled"]
StepName = Literal["fetch", "lock", "environment", "check", "record"]

STEPS: tuple[StepName, ...] = ("fetch", "lock", "environment", "check", "record")
ENDED: tuple[BuildState, ...] = ("succeeded", "failed", "cancelled")
METRICS_FILE = "metrics.json"
METRICS_MAX = 200
LOG_LINES_MAX = 20_000
PROFILE_COLUMNS_MAX = 300


@dataclass(frozen=True, slots=True)
class Source:
    """`kind` "upload": `manifest` and `files` came with the request; "git": the fetch step fills them in. `git` is
    what the client said of its folder, or the source's own address and commit. `client` is small and for people."""

    kind: Literal["upload", "git"]
    manifest: str = ""
    files: tuple[SourceFile, ...] = ()
    git: dict[str, Any] | None = None
    client: dict[str, Any] = field(default_factory=dict)
    relock: bool = False

    @property
    def git_source(self) -> GitSource:
        told = self.git or {}
        return GitSource(str(told["url"]), str(told["commit"]), str(told.get("directory", "")))


@dataclass(frozen=True, slots=True)
class Step:
    """`detail` is what a person reads beside it; `result` what later steps use."""

    name: StepName
    state: StepState = "pending"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    detail: str = ""
    result: dict[str, Any] | None = None

    @property
    def seconds(self) -> float | None:
        if self.started_at is None or self.ended_at is None:
            return None
        return round((self.ended_at - self.started_at).total_seconds(), 3)


@dataclass(frozen=True, slots=True)
class Build:
    """`number` counts per installation; `attempt` grows with each retry. `error` is {code, detail, hint, params}."""

    id: str
    number: int
    project_id: str
    model: str
    state: BuildState
    attempt: int
    source: Source
    job_id: str
    created_at: datetime
    created_by: str
    created_by_id: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: dict[str, Any] | None = None
    version_id: str = ""
    version: str = ""
    digest: str = ""
    unchanged: bool = False

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class BuildEvent:
    """`kind` step: {step, state, detail, seconds}; log: {step?, line}; done: {state, version?, digest?, error?}."""

    seq: int
    kind: Literal["step", "log", "done"]
    data: dict[str, Any]
    at: datetime


def read_metrics(text: str) -> dict[str, float]:
    """Names to numbers, as `train.py` wrote them. Raises ValueError."""
    value = json.loads(text)
    if not isinstance(value, dict) or len(value) > METRICS_MAX:
        raise ValueError(f"expected an object with at most {METRICS_MAX} numbers")
    metrics = {}
    for name, number in value.items():
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise ValueError(f"{name!r} is {json.dumps(number)[:40]}, expected a number")
        if len(name) > 100:
            raise ValueError("a name has more than 100 characters")
        metrics[name] = float(number)
    return metrics


def read_rows(value: Any) -> list[dict[str, Any]]:
    """A sample or example: a row, a list of rows, or `{"rows": [...]}`. Raises ValueError."""
    if isinstance(value, dict) and isinstance(value.get("rows"), list):
        value = value["rows"]
    rows = value if isinstance(value, list) else [value]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError("expected a row (an object) or a list of rows")
    return rows


def profile_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    """A tiny profile of a table of text: counts, nulls, and for numeric columns minimum, mean and maximum."""
    columns = []
    for index, name in enumerate(header[:PROFILE_COLUMNS_MAX]):
        cells = [row[index] for row in rows if index < len(row)]
        given = [cell for cell in cells if cell.strip()]
        column: dict[str, Any] = {"name": name[:200], "nulls": len(rows) - len(given)}
        numbers = _numbers(given)
        if numbers:
            column |= {"min": min(numbers), "mean": statistics.fmean(numbers), "max": max(numbers)}
        else:
            column["distinct"] = len(set(given))
        columns.append(column)
    return {"rows": len(rows), "columns": columns}


def _numbers(cells: Sequence[str]) -> list[float]:
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return []
    return numbers if all(math.isfinite(number) for number in numbers) else []
