"""What calls return: the fields that a program uses, and the API's own document beside them.

`document` is the JSON as the server sent it; `--json` of the CLI prints exactly that, as /docs describes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

T = TypeVar("T")


def result(cls: Callable[..., T], document: Any) -> T:
    """A result from its document: known fields are taken, absent or null ones keep their default."""
    found = document if isinstance(document, dict) else {}
    names = {item.name for item in fields(cls) if item.name != "document"}  # type: ignore[arg-type]
    values = {name: found[name] for name in names if found.get(name) is not None}
    return cls(**values, document=found)


@dataclass(frozen=True, slots=True)
class Session:
    """`token` acts as the user until `expires_at`."""

    token: str = field(default="", repr=False)
    expires_at: str = ""
    user: Any = ""
    document: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Me:
    id: str = ""
    kind: str = ""
    name: str = ""
    is_administrator: bool = False
    is_auditor: bool = False
    must_change_password: bool = False
    projects: list[dict[str, str]] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class User:
    """`one_time_password` is there once, when the server made one up."""

    id: str = ""
    name: str = ""
    display_name: str = ""
    is_administrator: bool = False
    is_auditor: bool = False
    disabled: bool = False
    must_change_password: bool = False
    one_time_password: str = field(default="", repr=False)
    document: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Project:
    id: str = ""
    name: str = ""
    description: str = ""
    document: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """`token` is there once, at its making."""

    jti: str = ""
    name: str = ""
    principal: str = ""
    token: str = field(default="", repr=False)
    expires_at: str = ""
    document: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Pairing:
    """A caller that may call an endpoint, and what for."""

    id: str = ""
    caller: str = ""
    endpoint: str = ""
    purpose: str = ""
    document: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Model:
    id: str = ""
    name: str = ""
    project: str = ""
    description: str = ""
    document: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Build:
    """`state` is queued, running, succeeded, failed or cancelled; `number` counts per installation."""

    number: int = 0
    id: str = ""
    project: str = ""
    model: str = ""
    version: str = ""
    state: str = ""
    document: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    name: str = ""
    project: str = ""
    phase: str = ""
    document: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Release:
    """A version on its way to an endpoint, or there. `number` counts per installation."""

    number: int = 0
    id: str = ""
    project: str = ""
    endpoint: str = ""
    model: str = ""
    version: str = ""
    state: str = ""
    document: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Prediction:
    """`rows` are the answers, in the order asked; `id` is what `modelyard lineage` takes."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    version: str = ""
    id: str = ""
    document: dict[str, Any] = field(default_factory=dict, repr=False)
