"""Reads `modelyard.toml`; every fault is told with its line and column."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from typing import Any

from modelyard.contracts.manifest.domain import (
    FILENAME,
    DataSection,
    EnvironmentSection,
    Example,
    Manifest,
    ModelSection,
    SchemaSection,
)
from modelyard.contracts.manifest.errors import (
    InvalidToml,
    KeysConflict,
    ManifestError,
    MissingKey,
    Spot,
    UnknownKey,
    WrongType,
    WrongValue,
)
from modelyard.contracts.manifest.kinds import PATH
from modelyard.contracts.manifest.positions import Path, Positions, Span, find_positions
from modelyard.contracts.manifest.sections import (
    COLUMN_KEYS,
    EXAMPLE_KEYS,
    EXPECT_LIMITS,
    REQUIRED_SECTIONS,
    SECTIONS,
    Key,
)
from modelyard.contracts.version_document import Column, Resources, Scaling

TEXT_BYTES_MAX = 256 * 1024
_TOP_LEVEL = (*SECTIONS, "examples")
_AT = re.compile(r"^(?P<what>.*?)\s*\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$", re.DOTALL)


def parse(text: str, filename: str = FILENAME) -> Manifest:
    """The manifest; raises a ManifestError that says where and why, with what was expected."""
    return _Reader(text, filename).manifest()


class _Reader:
    def __init__(self, text: str, filename: str) -> None:
        # As tomllib does: a carriage return before a line feed is no part of the text.
        self.text = text.replace("\r\n", "\n").removeprefix("\ufeff")
        self.filename = filename
        if len(self.text) > TEXT_BYTES_MAX:
            expected = f"Expected at most {TEXT_BYTES_MAX // 1024} KiB."
            raise self._fault(InvalidToml, Span(0, 1), f"the file has {len(self.text)} characters", expected)
        try:
            self.root: dict[str, Any] = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as cause:
            raise self._invalid_toml(cause) from None
        except RecursionError:
            raise self._fault(InvalidToml, Span(0, 1), "values are nested too deeply", "Expected a manifest.") from None
        self.positions: Positions = find_positions(self.text)

    def manifest(self) -> Manifest:
        self._check_known(self.root, (), _TOP_LEVEL, "the manifest")
        for name in REQUIRED_SECTIONS:
            if name not in self.root:
                self._missing(name)
        found = {name: self._section(name) for name in SECTIONS}
        schema = found["schema"] | {
            side: self._columns(side) for side in ("inputs", "outputs") if side in self.root.get("schema", {})
        }
        manifest = Manifest(
            model=ModelSection(**found["model"]),
            environment=EnvironmentSection(**found["environment"]),
            schema=SchemaSection(**schema),
            resources=Resources(**found["resources"]),
            scaling=Scaling(**found["scaling"]),
            data=DataSection(**found["data"]),
            tests=found["tests"].get("paths", ()),
            examples=self._examples(),
        )
        self._check_together(manifest)
        return manifest

    def _section(self, name: str) -> dict[str, Any]:
        value = self.root.get(name, {})
        if not isinstance(value, dict):
            raise self._wrong_type((name,), f"a section [{name}]")
        extra = ("inputs", "outputs") if name == "schema" else ()
        return self._keys(value, (name,), SECTIONS[name], f"[{name}]", extra)

    def _keys(
        self, table: dict[str, Any], path: Path, keys: Sequence[Key], place: str, extra: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        self._check_known(table, path, (*(key.name for key in keys), *extra), place)
        answer: dict[str, Any] = {}
        for key in keys:
            if key.name in table:
                answer[key.name] = self._value(table[key.name], (*path, key.name), key)
            elif key.is_required and (table or path[0] in REQUIRED_SECTIONS):
                expected = f"Expected: {key.name} in {place}. {key.doc}"
                raise self._fault(MissingKey, self._place_of(path), f"{place} lacks `{key.name}`", expected)
        return answer

    def _value(self, value: Any, path: Path, key: Key) -> Any:
        if not key.is_list:
            self._check_kind(value, path, key)
            return float(value) if key.name in ("cpu", "timeout_s") else value
        if not isinstance(value, list):
            raise self._wrong_type(path, f"a list, such as {key.name} = [{_example_of(value)}]")
        for index, item in enumerate(value):
            self._check_kind(item, (*path, index), key)
        return tuple(value)

    def _check_kind(self, value: Any, path: Path, key: Key) -> None:
        fault = key.kind.check(value)
        if fault is None:
            return
        what, expected = fault
        if what == "type":
            raise self._wrong_type(path, expected)
        problem = f"`{key.name}` is {_shown(value)}"
        raise self._fault(WrongValue, self._value_span(path), problem, f"Expected {expected}.")

    def _columns(self, side: str) -> tuple[Column, ...]:
        value = self.root["schema"][side]
        path: Path = ("schema", side)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._wrong_type(path, f"tables [[schema.{side}]] with name and datatype")
        place = f"[[schema.{side}]]"
        columns = tuple(
            Column(**self._keys(item, (*path, index), COLUMN_KEYS, place)) for index, item in enumerate(value)
        )
        names = [column.name for column in columns]
        for index, name in enumerate(names):
            if name in names[:index]:
                span = self._value_span((*path, index, "name"))
                raise self._fault(WrongValue, span, f"column `{name}` is named twice", "Expected different names.")
        return columns

    def _examples(self) -> tuple[Example, ...]:
        value = self.root.get("examples", [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._wrong_type(("examples",), "tables [[examples]] with input and expect")
        return tuple(self._example(item, ("examples", index)) for index, item in enumerate(value))

    def _example(self, table: dict[str, Any], path: Path) -> Example:
        self._check_known(table, path, EXAMPLE_KEYS, "[[examples]]")
        if "input" not in table:
            expected = 'Expected: input = "row.json", or a table with the row.'
            raise self._fault(MissingKey, self._place_of(path), "[[examples]] lacks `input`", expected)
        given = table["input"]
        if isinstance(given, str):
            self._check_kind(given, (*path, "input"), Key("input", PATH, ""))
        elif not isinstance(given, dict):
            raise self._wrong_type((*path, "input"), "a path to a JSON file, or a table with the row")
        expect = table.get("expect", {})
        if not isinstance(expect, dict):
            raise self._wrong_type((*path, "expect"), 'output columns, such as expect.label = "benign"')
        for column, wanted in expect.items():
            self._check_expectation(wanted, (*path, "expect", column))
        return Example(given, expect)

    def _check_expectation(self, wanted: Any, path: Path) -> None:
        if not isinstance(wanted, dict):
            if not isinstance(wanted, (str, int, float, bool, list)):
                raise self._wrong_type(path, "a string, number, boolean, list or limits such as { max = 0.2 }")
            return
        self._check_known(wanted, path, EXPECT_LIMITS, f"expect.{path[-1]}")
        for name in ("min", "max"):
            if name in wanted and (not isinstance(wanted[name], (int, float)) or isinstance(wanted[name], bool)):
                raise self._wrong_type((*path, name), "a number")
        if "one_of" in wanted and not isinstance(wanted["one_of"], list):
            raise self._wrong_type((*path, "one_of"), "a list of values")

    def _check_together(self, manifest: Manifest) -> None:
        model = manifest.model
        if model.entry_point and model.artifact:
            span = self.positions.keys[("model", "artifact")]
            problem = "`artifact` and `entry_point` are both given in [model]"
            raise self._fault(KeysConflict, span, problem, "Expected one of them.")
        if not model.entry_point and not model.artifact:
            expected = 'Expected: artifact = "model.skops" or entry_point = "model:Name".'
            problem = "[model] has neither `artifact` nor `entry_point`"
            raise self._fault(MissingKey, self._place_of(("model",)), problem, expected)
        if model.artifact and not model.artifact.endswith((".skops", ".joblib")):
            expected = "Expected a file that ends in .skops or .joblib; for others write an entry_point."
            problem = f"`artifact` is {_shown(model.artifact)}"
            raise self._fault(WrongValue, self._value_span(("model", "artifact")), problem, expected)
        if manifest.scaling.replicas_min > manifest.scaling.replicas_max:
            path: Path = ("scaling", "replicas_min" if "replicas_min" in self.root["scaling"] else "replicas_max")
            problem = f"`replicas_min` is {manifest.scaling.replicas_min}, above `replicas_max`"
            expected = f"Expected at most {manifest.scaling.replicas_max}."
            raise self._fault(WrongValue, self._value_span(path), problem, expected)
        if not manifest.schema.sample and not manifest.schema.inputs:
            place = self._place_of(("schema",) if "schema" in self.root else ("model",))
            expected = 'Expected: sample = "row.json" in [schema], or [[schema.inputs]] written out.'
            raise self._fault(MissingKey, place, "nothing says what the model's inputs are", expected)

    def _check_known(self, table: dict[str, Any], path: Path, known: Sequence[str], place: str) -> None:
        for name, value in table.items():
            if name in known:
                continue
            span = self.positions.keys.get((*path, name)) or self._place_of((*path, name))
            is_section = not path and isinstance(value, (dict, list))
            what = f"unknown section [{name}]" if is_section else f"unknown key `{name}` in {place}"
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            note = f"did you mean `{near[0]}`?" if near else ""
            raise self._fault(UnknownKey, span, what, f"Expected: {', '.join(known)}.", note)

    def _missing(self, section: str) -> None:
        expected = f"Expected: [{section}] with " + ", ".join(k.name for k in SECTIONS[section] if k.is_required) + "."
        last = len(self.text.rstrip("\n"))
        raise self._fault(MissingKey, Span(last, last), f"the section [{section}] is missing", expected)

    def _wrong_type(self, path: Path, expected: str) -> ManifestError:
        value: Any = self.root
        for part in path:
            value = value[part]
        name = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
        problem = f"`{name}` is {_type_name(value)}"
        return self._fault(WrongType, self._value_span(path), problem, f"Expected {expected}.")

    def _value_span(self, path: Path) -> Span:
        return self.positions.values.get(path) or self._place_of(path)

    def _place_of(self, path: Path) -> Span:
        """The section's header, else the nearest thing above it that has a place."""
        for length in range(len(path), 0, -1):
            part = path[:length]
            for spans in (self.positions.headers, self.positions.keys, self.positions.values):
                if part in spans:
                    return spans[part]
        return Span(0, 0)

    def _invalid_toml(self, cause: tomllib.TOMLDecodeError) -> ManifestError:
        match = _AT.match(str(cause))
        what, line, column = str(cause), 0, 0
        if match is not None:
            what, line, column = match["what"], int(match["line"] or 0), int(match["column"] or 0)
        lines = self.text.split("\n")
        if not line:
            line = max(1, len(self.text.rstrip("\n").split("\n")))
            column = len(lines[line - 1]) + 1
        start = sum(len(one) + 1 for one in lines[: line - 1]) + column - 1
        problem = "not TOML: " + what[:1].lower() + what[1:]
        return self._fault(InvalidToml, Span(start, start + 1), problem, "Expected TOML 1.0 (toml.io).")

    def _fault(
        self, error: type[ManifestError], span: Span, problem: str, expected: str, note: str = ""
    ) -> ManifestError:
        line = self.text.count("\n", 0, span.start) + 1
        start = self.text.rfind("\n", 0, span.start) + 1
        end = self.text.find("\n", start)
        source = self.text[start : end if end >= 0 else len(self.text)]
        column = span.start - start + 1
        width = max(1, min(span.end - span.start, len(source) - column + 1))
        spot = Spot(line, column, width, source)
        return error(filename=self.filename, spot=spot, problem=problem, expected=expected, note=note)


def _shown(value: Any) -> str:
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return shown if len(shown) <= 80 else shown[:77] + "…"


def _example_of(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) and len(value) <= 40 else "…"


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    names = {str: "string", int: "whole number", float: "number", list: "list", dict: "table"}
    name = names.get(type(value), type(value).__name__)
    return f"the {name} {_shown(value)}" if isinstance(value, (str, int, float)) else f"a {name}"
