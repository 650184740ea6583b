"""docs/reference/settings.md: every setting of every process, from the settings modules' dataclasses."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator
from typing import Any, get_type_hints

from tools.docs.markdown import code, page, table

INTRODUCTION = """
Settings come from defaults, then `config.toml` in the home directory, then variables named `MODELYARD__SECTION__NAME`,
then options of `modelyard up`; the later wins. An unknown key is an error and stops the start.
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    section: str
    name: str
    kind: str
    default: str
    help: str


def render() -> str:
    parts = []
    found = list(all_settings())
    for section in dict.fromkeys(setting.section for setting in found):
        rows = [
            [code(s.name), s.kind, code(s.default), code(f"MODELYARD__{section}__{s.name}".upper()), s.help]
            for s in found
            if s.section == section
        ]
        parts += [f"## [{section}]\n", table(["key", "type", "default", "variable", "meaning"], rows)]
    return page("Settings", INTRODUCTION, *parts)


def all_settings() -> Iterator[Setting]:
    """The control plane's sections, then the node's."""
    server = importlib.import_module("modelyard.server.settings").ServerSettings
    hints = get_type_hints(server)
    for field in dataclasses.fields(server):
        yield from of_section(field.name, hints[field.name])
    node = importlib.import_module("modelyard.node.settings").NodeSettings
    yield from (setting for setting in of_section("node", node) if setting.name not in {"home", "inherited"})


def of_section(section: str, kind: Any) -> Iterator[Setting]:
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        name = getattr(hint, "__name__", "") if not getattr(hint, "__args__", None) else str(hint)
        yield Setting(
            section,
            field.name,
            name.replace("pathlib.", "").replace("collections.abc.", "").replace(" | None", ""),
            _default(field),
            str(field.metadata.get("help", "")).replace("<", "&lt;"),
        )


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not dataclasses.MISSING or field.default in (dataclasses.MISSING, None, "", ()):
        return ""
    return str(field.default)
