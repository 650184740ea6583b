"""How people name a version: `tumour:1.1.0`, `tumour@champion`, with `demo/` before it for another project."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelyard.sdk.errors import ModelyardError

_REFERENCE = re.compile(
    r"(?:(?P<project>[a-z][a-z0-9-]{0,62})/)?(?P<model>[a-z][a-z0-9-]{0,62})"
    r"(?::(?P<version>[0-9A-Za-z.+-]{1,64})|@(?P<alias>[a-z][a-z0-9-]{0,62}))?"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """`version` is a semver, `@alias`, or empty when none was given; `project` is empty when none was given."""

    model: str
    version: str = ""
    project: str = ""


def parse_reference(text: str, *, version_needed: bool = True) -> Reference:
    """Raises ModelyardError for another form."""
    match = _REFERENCE.fullmatch(text)
    if match is None or (version_needed and not (match["version"] or match["alias"])):
        raise ModelyardError(
            f"got {text!r}, expected a version such as tumour:1.1.0 or tumour@champion.",
            code="client.bad_reference",
            hint="modelyard models versions NAME lists them",
        )
    version = match["version"] or ("@" + match["alias"] if match["alias"] else "")
    return Reference(match["model"], version, match["project"] or "")
