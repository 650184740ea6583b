"""Settings: frozen dataclasses filled from defaults, one TOML file, and `MODELYARD__SECTION__NAME` variables.

A section is a dataclass; its fields carry `help` (one sentence) and, for secrets, `secret=True` in their metadata.
Unknown keys are errors. The caller passes the environment in: only `*/settings.py` modules may read the process's.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, NoReturn, TypeVar, get_args, get_type_hints

from modelyard.kernel.errors import ErrorKind, PlatformError

S = TypeVar("S")
PREFIX = "MODELYARD__"


class SettingInvalid(PlatformError):
    kind: ClassVar[ErrorKind] = ErrorKind.INVALID
    code: ClassVar[str] = "settings.invalid"
    message: ClassVar[str] = "{source}: {name}: got {got}, expected {expected}."
    hint: ClassVar[str] = "See docs/reference/settings.md; `modelyard config show` prints every value and its source."


def setting(default: Any, help: str, *, secret: bool = False) -> Any:
    """A field of a settings section: default, one sentence for the reference page."""
    return dataclasses.field(default=default, metadata={"help": help, "secret": secret})


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded(Generic[S]):
    """The settings, and for each `section.name` where its value came from."""

    value: S
    sources: dict[str, str]


def load(
    kind: type[S],
    file: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
    foreign: Collection[str] = (),
) -> Any:
    """Composes `kind`, a dataclass whose fields are section dataclasses.

    Sources, the later winning: defaults, the TOML file, the environment, `overrides` (command-line options,
    `{"section.name": value}`, None meaning not given). `foreign` sections of the file and the environment belong to
    another process, which checks them itself. Raises SettingInvalid.
    """
    given: dict[str, dict[str, tuple[Any, str]]] = {}
    if file is not None and file.exists():
        _read_file(given, file)
    for variable, text in environ.items():
        if variable.startswith(PREFIX):
            section, _, name = variable.removeprefix(PREFIX).lower().partition("__")
            given.setdefault(section, {})[name] = (text, variable)
    for path, value in (overrides or {}).items():
        if value is not None:
            section, _, name = path.partition(".")
            given.setdefault(section, {})[name] = (value, "command line")
    for section in foreign:
        given.pop(section, None)
    return _compose(kind, given)


def _read_file(given: dict[str, dict[str, tuple[Any, str]]], file: Path) -> None:
    try:
        document = tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise SettingInvalid(source=str(file), name="the file", got=str(cause), expected="valid TOML") from cause
    for section, values in document.items():
        if not isinstance(values, dict):
            raise SettingInvalid(source=str(file), name=section, got="a value", expected=f"a table [{section}]")
        for name, value in values.items():
            given.setdefault(section, {})[name] = (value, str(file))


def _compose(kind: type[S], given: dict[str, dict[str, tuple[Any, str]]]) -> Any:
    sections, sources = {}, {}
    hints = get_type_hints(kind)
    for section, values in given.items():
        if section not in hints:
            name, (_, source) = next(iter(values.items()), ("", ("", section)))
            _unknown(source, section, list(hints))
    for section, section_kind in hints.items():
        types = get_type_hints(section_kind)
        fields = {}
        for name, (value, source) in given.get(section, {}).items():
            if name not in types:
                _unknown(source, f"{section}.{name}", [f"{section}.{known}" for known in types])
            fields[name] = _convert(value, types[name], f"{section}.{name}", source)
            sources[f"{section}.{name}"] = source
        sections[section] = section_kind(**fields)
    return Loaded(kind(**sections), sources)


def _unknown(source: str, name: str, known: list[str]) -> NoReturn:
    close = difflib.get_close_matches(name, known, 1)
    expected = f"`{close[0]}`" if close else "one of " + ", ".join(known)
    raise SettingInvalid(source=source, name=name, got="an unknown key", expected=expected)


_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _convert(value: Any, kind: Any, name: str, source: str) -> Any:
    """Text from the environment becomes the field's type; TOML values must already have it."""
    plain = next((t for t in get_args(kind) if t is not type(None)), kind)
    try:
        if plain is bool and isinstance(value, str):
            return _TRUTH[value.lower()]
        if plain in (int, float) and not isinstance(value, bool):
            return plain(value)
        if plain is Path:
            return Path(value)
        if isinstance(value, plain if isinstance(plain, type) else object):
            return value
    except (KeyError, ValueError, TypeError):
        pass
    wanted = getattr(plain, "__name__", str(plain))
    raise SettingInvalid(source=source, name=name, got=repr(value), expected=wanted)


def describe(loaded: Any) -> list[tuple[str, str, str, str]]:
    """`(section.name, value or ***, source, help)` for every setting; for `config show` and the reference page."""
    rows = []
    for section in dataclasses.fields(loaded.value):
        part = getattr(loaded.value, section.name)
        for field in dataclasses.fields(part):
            path = f"{section.name}.{field.name}"
            value = getattr(part, field.name)
            shown = "***" if field.metadata.get("secret") and value else str(value)
            rows.append((path, shown, loaded.sources.get(path, "default"), str(field.metadata.get("help", ""))))
    return rows
