"""The manifest's keys: one table drives the parser, the JSON schema and the reference page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from modelyard.contracts.manifest import kinds
from modelyard.contracts.manifest.kinds import Kind
from modelyard.contracts.version_document import Datatype


@dataclass(frozen=True, slots=True)
class Key:
    """`is_list` makes it an array of the kind; `doc` is the sentence of the reference page."""

    name: str
    kind: Kind
    doc: str
    is_list: bool = False
    is_required: bool = False


SECTIONS: dict[str, tuple[Key, ...]] = {
    "model": (
        Key("name", kinds.NAME, "Name of the registered model in its project.", is_required=True),
        Key("version", kinds.VERSION, "Version number; without it the next patch is taken."),
        Key("entry_point", kinds.ENTRY_POINT, "Class or function to load, as `module:Name`. Or give `artifact`."),
        Key("artifact", kinds.PATH, "A saved estimator, `.skops` or `.joblib`. Or give `entry_point`."),
        Key("files", kinds.PATH, "Files and folders that the model needs besides its Python files.", is_list=True),
        Key("description", kinds.text("a string"), "One sentence on what it is for."),
        Key("licence", kinds.text("an SPDX expression such as Apache-2.0", length_max=200), "SPDX expression."),
        Key(
            "tags",
            kinds.text("a tag of 1 to 64 characters", length_max=64, is_good=lambda v: bool(v.strip())),
            "Words to find it by.",
            is_list=True,
        ),
        Key("card", kinds.PATH, "Markdown file with the model card's prose."),
    ),
    "environment": (
        Key("python", kinds.PYTHON, "Python version, as major.minor; it must exist on the node."),
        Key("dependencies", kinds.PATH, "`requirements.txt`, `pyproject.toml` or `uv.lock`.", is_required=True),
        Key("index", kinds.text("the name of an index", length_max=63, is_good=bool), "An index the operator named."),
    ),
    "schema": (
        Key("sample", kinds.PATH, "JSON file with a row, or a list of rows; the schema is inferred from it."),
        Key("key", kinds.COLUMN, "Business key that may come with a row and joins late outcomes."),
        Key("layout", kinds.one_of("frame", "array", "dicts"), "What `predict` gets; `frame` (a DataFrame) if absent."),
    ),
    "resources": (
        Key("cpu", kinds.number(0.1, 256), "CPU cores of one replica."),
        Key("gpu", kinds.integer(0, 64), "GPUs of one replica."),
        Key("memory_mib", kinds.integer(64, 4 * 1024 * 1024), "Memory of one replica in MiB."),
        Key("timeout_s", kinds.number(0.01, 3600), "Longest time one prediction may take, in seconds."),
    ),
    "scaling": (
        Key("replicas_min", kinds.integer(0, 1000), "Replicas kept running; 0 scales to zero."),
        Key("replicas_max", kinds.integer(1, 1000), "Most replicas."),
        Key("idle_s", kinds.integer(1, 86400 * 30), "Seconds without a request after which a replica stops."),
    ),
    "data": (
        Key("training", kinds.PATH, "Training data; its digest and profile are kept, not the data."),
        Key("evaluation", kinds.PATH, "Evaluation data; its digest and profile are kept, not the data."),
        Key("label", kinds.COLUMN, "The column that the model predicts."),
    ),
    "tests": (Key("paths", kinds.PATH, "Folders or files with pytest tests.", is_list=True),),
}

COLUMN_KEYS: tuple[Key, ...] = (
    Key("name", kinds.COLUMN, "Name of the column.", is_required=True),
    Key("datatype", kinds.one_of(*get_args(Datatype)), "Open Inference Protocol data type.", is_required=True),
    Key("shape", kinds.integer(1, 2**31), "Shape of one row's value; absent for a scalar.", is_list=True),
    Key("nullable", kinds.boolean(), "Whether null is allowed."),
    Key("kind", kinds.one_of("number", "text", "boolean", "category", "date"), "Meaning in rows."),
    Key("categories", kinds.text("a category", length_max=1000), "The values allowed.", is_list=True),
)

EXAMPLE_KEYS = ("input", "expect")
EXPECT_LIMITS = ("min", "max", "equals", "one_of")
REQUIRED_SECTIONS = ("model", "environment")
