"""A manifest as read: frozen, complete with defaults, positions left behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from modelyard.contracts.version_document import Column, Resources, Scaling

FILENAME = "modelyard.toml"


@dataclass(frozen=True, slots=True)
class ModelSection:
    """Exactly one of `entry_point` ("module:Name") and `artifact` (a path) is set; `version` empty: next patch."""

    name: str
    version: str = ""
    entry_point: str = ""
    artifact: str = ""
    files: tuple[str, ...] = ()
    description: str = ""
    licence: str = ""
    tags: tuple[str, ...] = ()
    card: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentSection:
    """`python` empty: the node's default."""

    dependencies: str
    python: str = ""
    index: str = "default"


@dataclass(frozen=True, slots=True)
class SchemaSection:
    """A `sample` file, or `inputs` and `outputs` written out, or both (then they must agree)."""

    sample: str = ""
    key: str = ""
    layout: Literal["frame", "array", "dicts"] | None = None
    inputs: tuple[Column, ...] = ()
    outputs: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class DataSection:
    training: str = ""
    evaluation: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """`input` is a path to a JSON file, or the row itself. `expect` maps an output column to the value wanted, or to
    limits {min, max, equals, one_of}."""

    input: str | dict[str, Any]
    expect: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `modelyard.toml` says."""

    model: ModelSection
    environment: EnvironmentSection
    schema: SchemaSection = field(default_factory=SchemaSection)
    resources: Resources = field(default_factory=Resources)
    scaling: Scaling = field(default_factory=Scaling)
    data: DataSection = field(default_factory=DataSection)
    tests: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    def referenced_paths(self) -> tuple[str, ...]:
        """Every path the manifest names that must exist in the folder, without repetition, in order; data files
        come last (`data_paths`) because they may stay on the author's machine."""
        named = [self.environment.dependencies, self.model.artifact, *self.model.files, self.schema.sample]
        named += [self.model.card, *self.tests]
        named += [example.input for example in self.examples if isinstance(example.input, str)]
        return tuple(dict.fromkeys(path for path in named if path))

    def data_paths(self) -> tuple[str, ...]:
        """Training and evaluation data: digested, not uploaded."""
        return tuple(path for path in (self.data.training, self.data.evaluation) if path)
