"""What a version *is*: the document whose digest is signed, and from which alone a node runs it.

Only content goes in: no name, number, person or date, so the same input always gives the same digest.
Wire rule: fields are only added, with a default that leaves older digests valid (absent means default, and the
default is not written).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from modelyard.contracts.canonical import digest_of

FORMAT = "modelyard-version/1"

# Open Inference Protocol data types that a column or tensor can have.
Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the version: path relative to its folder with `/`, digest of its bytes, size."""

    path: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class EnvironmentRef:
    """Python `major.minor`, and the digest of the lock text (a blob) that pins every package by hash."""

    python: str
    lock_digest: str


@dataclass(frozen=True, slots=True)
class Entry:
    """How to load it: `python` with `entry_point` "module:Name", or `artifact` with a file and its format."""

    kind: Literal["python", "artifact"]
    entry_point: str = ""
    artifact: str = ""
    artifact_format: Literal["", "skops", "joblib"] = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A named input or output. `shape` is that of one row (empty: a scalar); `categories` bounds BYTES columns.

    `kind` refines the data type for rows: "number", "text", "boolean", "category" or "date" (ISO 8601 text in BYTES).
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...] = ()
    nullable: bool = False
    kind: str = "number"
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSchema:
    """Input and output columns in order; `key` names the business key that may accompany a row; `layout` says what
    `predict` gets: "frame" (DataFrame), "array" (2-d numpy array) or "dicts" (list of dicts)."""

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    key: str = ""
    layout: Literal["frame", "array", "dicts"] = "frame"


@dataclass(frozen=True, slots=True)
class Resources:
    cpu: float = 1.0
    gpu: int = 0
    memory_mib: int = 512
    timeout_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Scaling:
    replicas_min: int = 0
    replicas_max: int = 4
    idle_s: int = 300


@dataclass(frozen=True, slots=True)
class VersionDocument:
    files: tuple[FileEntry, ...]
    environment: EnvironmentRef
    entry: Entry
    schema: ModelSchema
    resources: Resources = field(default_factory=Resources)
    scaling: Scaling = field(default_factory=Scaling)
    sample_digest: str = ""
    preload: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **_plain(asdict(self))}

    @property
    def digest(self) -> str:
        return digest_of(self.to_json())

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Raises ValueError when the format is unknown or a field is missing."""
        if value.get("format") != FORMAT:
            raise ValueError(f"version document has format {value.get('format')!r}, expected {FORMAT!r}")
        try:
            return cls(
                files=tuple(FileEntry(**f) for f in value["files"]),
                environment=EnvironmentRef(**value["environment"]),
                entry=Entry(**value["entry"]),
                schema=schema_from_json(value["schema"]),
                resources=Resources(**value["resources"]),
                scaling=Scaling(**value["scaling"]),
                sample_digest=value.get("sample_digest", ""),
                preload=tuple(value.get("preload", ())),
            )
        except (KeyError, TypeError) as cause:
            raise ValueError(f"version document is incomplete: {cause!r}") from cause


def schema_from_json(value: dict[str, Any]) -> ModelSchema:
    """The inverse of `asdict(ModelSchema)` after JSON."""
    return ModelSchema(
        inputs=tuple(_column(c) for c in value["inputs"]),
        outputs=tuple(_column(c) for c in value["outputs"]),
        key=value.get("key", ""),
        layout=value.get("layout", "frame"),
    )


def _column(value: dict[str, Any]) -> Column:
    lists = {name: tuple(value.get(name, ())) for name in ("shape", "categories")}
    return Column(**{**value, **lists})


def _plain(value: Any) -> Any:
    """Tuples to lists, recursively, so that a document equals itself after a JSON round trip."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
