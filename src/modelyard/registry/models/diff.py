"""What changed between two versions: metrics, schema, dependencies, files, and code line by line. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from modelyard.registry.models.domain import Version, VersionFile

DIFF_LINES_MAX = 4000
# Comparing is quadratic in the worst case, and a release is decided while others wait to write: a file with more lines
# is named, not compared.
COMPARED_LINES_MAX = 2000
TEXT_BYTES_MAX = 256 * 1024
_LOWER = ("loss", "error", "mae", "mse", "rmse", "mape", "brier", "latency", "ece", "perplexity", "fpr", "fnr")
_HIGHER = (
    "auc", "accuracy", "precision", "recall", "f1", "r2", "score", "ap", "ndcg", "gini", "ks", "bleu", "rouge",
    "specificity", "sensitivity", "mcc", "kappa", "iou",
)  # fmt: skip

Direction = Literal["higher", "lower", "unknown"]
Change = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class MetricChange:
    """`direction` says which way is better; `better` is None when nobody knows or nothing changed."""

    name: str
    a: float | None
    b: float | None
    direction: Direction
    better: bool | None


@dataclass(frozen=True, slots=True)
class ColumnChange:
    side: Literal["inputs", "outputs"]
    name: str
    change: Change
    a: dict[str, Any] | None
    b: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class PackageChange:
    name: str
    change: Change
    a: str
    b: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """`diff` is unified; empty for what is not text or too long, and then `note` says so."""

    path: str
    change: Change
    a: str
    b: str
    diff: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class VersionDiff:
    metrics: tuple[MetricChange, ...]
    columns: tuple[ColumnChange, ...]
    packages: tuple[PackageChange, ...]
    files: tuple[FileChange, ...]
    settings: tuple[tuple[str, Any, Any], ...]


def metric_direction(name: str) -> Direction:
    """By the words in the name: `val_rmse` is better lower, `test_auc` higher."""
    words = name.lower().replace("-", "_").split("_")
    if any(word in _LOWER or word.endswith("loss") for word in words):
        return "lower"
    return "higher" if any(word in _HIGHER or word.startswith(("auc", "f1")) for word in words) else "unknown"


def diff_facts(a: Version, b: Version) -> VersionDiff:
    """Everything but file contents."""
    return VersionDiff(
        _metrics(a, b),
        _columns(a.document, b.document),
        _packages(a.facts.packages, b.facts.packages),
        (),
        _settings(a.document, b.document),
    )


def changed_files(
    a: Sequence[VersionFile], b: Sequence[VersionFile]
) -> list[tuple[VersionFile | None, VersionFile | None]]:
    """Pairs by path of what differs, in order of path."""
    before, after = {file.path: file for file in a}, {file.path: file for file in b}
    pairs = ((before.get(path), after.get(path)) for path in sorted(before.keys() | after.keys()))
    return [(x, y) for x, y in pairs if x is None or y is None or x.digest != y.digest]


def diff_file(
    pair: tuple[VersionFile | None, VersionFile | None], contents: tuple[str | None, str | None], lines_left: int
) -> tuple[FileChange, int]:
    """The change and how many lines it took; `contents` are None for what is no text or too long."""
    before, after = pair
    path = (after or before).path  # type: ignore[union-attr]
    change: Change = "added" if before is None else "removed" if after is None else "changed"
    digests = (before.digest if before else "", after.digest if after else "")
    old, new = ("" if before is None else contents[0]), ("" if after is None else contents[1])
    if old is None or new is None:
        return FileChange(path, change, *digests, note="binary, or too long to show"), 0
    if lines_left <= 0 or max(old.count("\n"), new.count("\n")) > COMPARED_LINES_MAX:
        return FileChange(path, change, *digests, note="too long to compare here; both can be downloaded"), 0
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), f"a/{path}", f"b/{path}", lineterm="", n=3))
    if len(lines) > lines_left:
        lines, note = lines[:lines_left], "cut short: too many changed lines"
    else:
        note = ""
    return FileChange(path, change, *digests, diff="\n".join(lines), note=note), len(lines)


def as_text(content: bytes) -> str | None:
    """None for what is no UTF-8 text."""
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _metrics(a: Version, b: Version) -> tuple[MetricChange, ...]:
    changes = []
    for name in sorted(a.facts.metrics.keys() | b.facts.metrics.keys()):
        x, y, direction = a.facts.metrics.get(name), b.facts.metrics.get(name), metric_direction(name)
        better = None
        if x is not None and y is not None and x != y and direction != "unknown":
            better = (y > x) == (direction == "higher")
        changes.append(MetricChange(name, x, y, direction, better))
    return tuple(changes)


def _columns(a: dict[str, Any], b: dict[str, Any]) -> tuple[ColumnChange, ...]:
    changes = []
    sides: tuple[Literal["inputs", "outputs"], ...] = ("inputs", "outputs")
    for side in sides:
        before = {column["name"]: column for column in a["schema"][side]}
        after = {column["name"]: column for column in b["schema"][side]}
        for name in dict.fromkeys((*before, *after)):
            x, y = before.get(name), after.get(name)
            if x != y:
                changes.append(ColumnChange(side, name, _change(x, y), x, y))
    return tuple(changes)


def _packages(a: Sequence[dict[str, str]], b: Sequence[dict[str, str]]) -> tuple[PackageChange, ...]:
    before, after = ({one["name"]: one["version"] for one in side} for side in (a, b))
    return tuple(
        PackageChange(name, _change(before.get(name), after.get(name)), before.get(name, ""), after.get(name, ""))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _settings(a: dict[str, Any], b: dict[str, Any]) -> tuple[tuple[str, Any, Any], ...]:
    changes = []
    for section in ("entry", "resources", "scaling"):
        x, y = a.get(section, {}), b.get(section, {})
        changes += [(f"{section}.{key}", x.get(key), y.get(key)) for key in sorted(x.keys() | y.keys())]
    changes.append(("environment.python", a["environment"]["python"], b["environment"]["python"]))
    return tuple(change for change in changes if change[1] != change[2])


def _change(before: object, after: object) -> Change:
    return "added" if before is None else "removed" if after is None else "changed"
