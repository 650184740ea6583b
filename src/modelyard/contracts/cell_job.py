"""Work that touches a model's code or packages, asked of a node: signed, single-use, expiring; the answer is data.

Kinds and their inputs -> results (all JSON):
  lock         {requirements, python, index} -> {lock, packages: [{name, version}]}
  materialize  {lock_digest, python, index} -> {environment_digest, size_bytes, reused, packages, licences}
  check        {files, entry, environment, layout, sample_digest, schema|null, key, preload, examples, tests, timeout_s,
                memory_mib} -> {schema, preload, deterministic, sample_output, examples: [...], tests: {...}, load_s}
`files` are FileEntry objects; the node fetches the bytes by digest. A result is untrusted data: the control plane
checks its size and shape before it believes anything.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

FORMAT = "modelyard-cell-job/1"
RESULT_BYTES_MAX = 8 * 1024 * 1024
LOG_LINE_BYTES_MAX = 8 * 1024

CellJobKind = Literal["lock", "materialize", "check"]


@dataclass(frozen=True, slots=True)
class CellJob:
    job_id: str
    kind: CellJobKind
    node_id: str
    project: str
    project_id: str
    issued_at: str
    expires_at: str
    inputs: dict[str, Any]
    timeout_s: float = 600.0

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Raises ValueError when the format is unknown or a field is missing."""
        fields = dict(value)
        if fields.pop("format", None) != FORMAT:
            raise ValueError(f"cell job has format {value.get('format')!r}, expected {FORMAT!r}")
        try:
            return cls(**fields)
        except TypeError as cause:
            raise ValueError(f"cell job is malformed: {cause}") from cause


@dataclass(frozen=True, slots=True)
class CellJobFailure:
    """Why it gave no result. `code` is stable, such as `builds.dependency_unresolved`; `hint` is what to do next."""

    code: str
    message: str
    hint: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CellJobResult:
    """Exactly one of `result` and `failure` is set."""

    job_id: str
    result: dict[str, Any] | None = None
    failure: CellJobFailure | None = None
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Raises ValueError when neither or both of result and failure are given."""
        try:
            failure = CellJobFailure(**value["failure"]) if value.get("failure") else None
            outcome = cls(str(value["job_id"]), value.get("result"), failure, float(value.get("seconds", 0.0)))
        except (KeyError, TypeError) as cause:
            raise ValueError(f"cell job result is malformed: {cause!r}") from cause
        if (outcome.result is None) == (outcome.failure is None):
            raise ValueError("a cell job result has either a result or a failure")
        return outcome
