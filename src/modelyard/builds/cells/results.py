"""Results of cell jobs, read as a stranger's word: shape, size and numbers are checked before anything is believed."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, get_args

from modelyard.builds.cells.errors import ResultInvalid
from modelyard.contracts.canonical import is_digest
from modelyard.contracts.version_document import Column, Datatype, ModelSchema

LOCK_CHARS_MAX = 4 * 1024 * 1024
PACKAGES_MAX = 5000
COLUMNS_MAX = 20_000
CATEGORIES_MAX = 10_000
ROWS_BYTES_MAX = 1024 * 1024
TEXT_CHARS_MAX = 64 * 1024
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,4}")
_DATATYPES = frozenset(get_args(Datatype))
_KINDS = frozenset({"number", "text", "boolean", "category", "date"})
# One line that pins a package, or the hash that belongs to it; anything else is no lock of ours.
_LOCK_LINE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]*\])?==[A-Za-z0-9.+!_-]+\s*(;[^\\\n]{1,500})?\\?|"
    r"\s+--hash=sha256:[0-9a-f]{64}\s*\\?|\s*#.*|\s*"
)


@dataclass(frozen=True, slots=True)
class LockResult:
    lock: str
    packages: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class MaterializeResult:
    """`packages`: [{name, version, licence}]."""

    environment_digest: str
    size_bytes: int
    reused: bool
    packages: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`report` is what people see of it: {examples, tests, load_s, predict_ms, deterministic}."""

    schema: ModelSchema
    preload: tuple[str, ...]
    sample_output: list[dict[str, Any]] | None
    report: dict[str, Any] = field(default_factory=dict)


def read_lock(value: Any) -> LockResult:
    """Raises ResultInvalid, as all of these do."""
    reader = _Reader("lock", value)
    lock = reader.text("lock", LOCK_CHARS_MAX)
    for number, line in enumerate(lock.split("\n"), 1):
        if _LOCK_LINE.fullmatch(line) is None:
            raise reader.invalid(f"line {number} of the lock pins no package: {line[:80]!r}")
    return LockResult(lock, reader.packages(("name", "version")))


def read_materialize(value: Any) -> MaterializeResult:
    reader = _Reader("materialize", value)
    digest = reader.text("environment_digest", 80)
    if not is_digest(digest):
        raise reader.invalid(f"environment_digest is {digest[:80]!r}")
    packages = reader.packages(("name", "version", "licence"))
    return MaterializeResult(digest, reader.whole("size_bytes"), bool(reader.get("reused", bool)), packages)


def read_check(value: Any) -> CheckResult:
    reader = _Reader("check", value)
    schema: dict[str, Any] = reader.get("schema", dict)
    preload = reader.get("preload", list)
    if len(preload) > 500 or not all(isinstance(m, str) and len(m) <= 200 and _MODULE.fullmatch(m) for m in preload):
        raise reader.invalid("preload is no list of module names")
    layout = schema.get("layout", "frame")
    if layout not in ("frame", "array", "dicts"):
        raise reader.invalid(f"the layout is {layout!r}"[:120])
    key = schema.get("key", "")
    if not isinstance(key, str) or len(key) > 200:
        raise reader.invalid("the key is no column name")
    sides = (_columns(reader, schema, "inputs"), _columns(reader, schema, "outputs"))
    deterministic = value.get("deterministic")
    if deterministic not in (True, False, None):
        raise reader.invalid("deterministic is neither true nor false")
    return CheckResult(
        ModelSchema(*sides, key=key, layout=layout),
        tuple(preload),
        _rows(reader, value.get("sample_output")),
        {
            "examples": _examples(reader, value.get("examples") or []),
            "tests": _tests(reader, value.get("tests") or {}),
            "load_s": _number(reader, value.get("load_s"), "load_s"),
            "predict_ms": _number(reader, value.get("predict_ms"), "predict_ms"),
            "deterministic": deterministic,
        },
    )


class _Reader:
    def __init__(self, kind: str, value: Any) -> None:
        self._kind = kind
        if not isinstance(value, dict):
            raise self.invalid("it is no object")
        self._value: dict[str, Any] = value

    def invalid(self, reason: str) -> ResultInvalid:
        return ResultInvalid(kind=self._kind, reason=reason)

    def get(self, name: str, type_: type[Any]) -> Any:
        value = self._value.get(name)
        if not isinstance(value, type_):
            raise self.invalid(f"{name} is {type(value).__name__}, expected {type_.__name__}")
        return value

    def text(self, name: str, chars_max: int) -> str:
        value: str = self.get(name, str)
        if len(value) > chars_max:
            raise self.invalid(f"{name} has more than {chars_max} characters")
        return value

    def whole(self, name: str) -> int:
        value = self._value.get(name)
        if type(value) is not int or not 0 <= value < 1 << 53:
            raise self.invalid(f"{name} is no whole number")
        return value

    def packages(self, names: tuple[str, ...]) -> tuple[dict[str, str], ...]:
        value = self.get("packages", list)
        if len(value) > PACKAGES_MAX:
            raise self.invalid(f"there are more than {PACKAGES_MAX} packages")
        packages = []
        for one in value:
            if not isinstance(one, dict):
                raise self.invalid("a package is no object")
            texts: dict[str, Any] = {name: one.get(name) for name in names}
            if not all(isinstance(text, str) and len(text) <= 500 for text in texts.values()):
                raise self.invalid(f"a package lacks one of {', '.join(names)}")
            packages.append(texts)
        return tuple(packages)


def _columns(reader: _Reader, schema: dict[str, Any], side: str) -> tuple[Column, ...]:
    value = schema.get(side)
    if not isinstance(value, list) or not value or len(value) > COLUMNS_MAX:
        raise reader.invalid(f"the schema has no {side}, or more than {COLUMNS_MAX}")
    columns = tuple(_column(reader, one, side) for one in value)
    if len({column.name for column in columns}) != len(columns):
        raise reader.invalid(f"two {side} have the same name")
    return columns


def _column(reader: _Reader, value: Any, side: str) -> Column:
    problem = f"a column among the {side} is malformed"
    if not isinstance(value, dict):
        raise reader.invalid(problem)
    name: Any = value.get("name")
    datatype: Any = value.get("datatype")
    shape, categories = value.get("shape") or [], value.get("categories") or []
    nullable, kind = value.get("nullable", False), value.get("kind", "number")
    fits = (
        isinstance(name, str)
        and 0 < len(name) <= 200
        and isinstance(datatype, str)
        and datatype in _DATATYPES
        and isinstance(kind, str)
        and kind in _KINDS
        and isinstance(nullable, bool)
        and isinstance(shape, list)
        and len(shape) <= 8
        and all(type(size) is int and -1 <= size < 1 << 31 for size in shape)
        and isinstance(categories, list)
        and len(categories) <= CATEGORIES_MAX
        and all(isinstance(word, str) and len(word) <= 1000 for word in categories)
    )
    if not fits:
        raise reader.invalid(problem)
    return Column(name, datatype, tuple(shape), nullable, kind, tuple(categories))


def _rows(reader: _Reader, value: Any) -> list[dict[str, Any]] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise reader.invalid("sample_output is no list of rows")
    # What is too large to keep is left out; the node then only looks whether an answer comes.
    return value if len(json.dumps(value)) <= ROWS_BYTES_MAX else None


def _examples(reader: _Reader, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or len(value) > 1000 or not all(isinstance(one, dict) for one in value):
        raise reader.invalid("examples is no list of outcomes")
    return [
        {"index": index, "passed": one.get("passed") is True, "message": str(one.get("message") or "")[:2000]}
        for index, one in enumerate(value)
    ]


def _tests(reader: _Reader, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise reader.invalid("tests is no object")
    counts: dict[str, Any] = {name: value.get(name, 0) for name in ("passed", "failed", "skipped")}
    if not all(type(count) is int and 0 <= count < 1 << 31 for count in counts.values()):
        raise reader.invalid("the counts of tests are no whole numbers")
    return counts | {"output": str(value.get("output") or "")[:TEXT_CHARS_MAX]}


def _number(reader: _Reader, value: Any, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise reader.invalid(f"{name} is no number of zero or more")
    return float(value)
