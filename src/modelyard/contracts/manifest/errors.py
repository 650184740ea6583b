"""What can be wrong with a manifest, said with line, column, the source line and what was expected instead.

ManifestError
├── InvalidToml      manifest.invalid_toml
├── UnknownKey       manifest.unknown_key
├── WrongType        manifest.wrong_type
├── WrongValue       manifest.wrong_value
├── MissingKey       manifest.missing_key
└── KeysConflict     manifest.keys_conflict
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from modelyard.kernel.errors import ErrorKind, PlatformError

REPORT_WIDTH = 92


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in the file: 1-based line and column, the width to underline, and the line's text."""

    line: int
    column: int
    width: int
    source: str


class ManifestError(PlatformError):
    """`detail` is one line, `report()` the whole block with source line and underline, as a terminal shows it."""

    kind: ClassVar[ErrorKind] = ErrorKind.INVALID
    code: ClassVar[str] = "manifest.invalid"
    message: ClassVar[str] = "{filename}:{line}:{column} {problem}"
    hint: ClassVar[str] = "{expected}"

    def __init__(self, *, filename: str, spot: Spot, problem: str, expected: str, note: str = "") -> None:
        self.spot = spot
        super().__init__(
            filename=filename,
            line=spot.line,
            column=spot.column,
            width=spot.width,
            source=spot.source,
            problem=problem,
            expected=expected,
            note=note,
        )

    def report(self, outcome: str = "Nothing uploaded.") -> str:
        """The block with the source line, a caret underline, what was expected and the code on the right."""
        gutter = f"{self.spot.line} | "
        note = f" {self.params['note']}" if self.params["note"] else ""
        margin = " " * (len(gutter) - 2) + "| "
        # Tabs stay tabs, so that the underline stands under what it means in any terminal.
        lead = "".join("\t" if char == "\t" else " " for char in self.spot.source[: self.spot.column - 1])
        last = f"{self.params['expected']} {outcome}".strip()
        gap = max(2, REPORT_WIDTH - len(last) - len(self.code))
        return "\n".join(
            (
                self.detail,
                gutter + self.spot.source,
                margin + lead + "^" * max(1, self.spot.width) + note,
                last + " " * gap + self.code,
            )
        )


class InvalidToml(ManifestError):
    """The file is not TOML 1.0."""

    code: ClassVar[str] = "manifest.invalid_toml"


class UnknownKey(ManifestError):
    """A key or section that the manifest does not have."""

    code: ClassVar[str] = "manifest.unknown_key"


class WrongType(ManifestError):
    """A value of another type than the key takes."""

    code: ClassVar[str] = "manifest.wrong_type"


class WrongValue(ManifestError):
    """The right type, but a value outside what is allowed."""

    code: ClassVar[str] = "manifest.wrong_value"


class MissingKey(ManifestError):
    """A key that every manifest needs is absent."""

    code: ClassVar[str] = "manifest.missing_key"


class KeysConflict(ManifestError):
    """Two keys of which only one may be given."""

    code: ClassVar[str] = "manifest.keys_conflict"
