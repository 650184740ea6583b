"""modelyard.toml: what it means, and every fault with its line and column."""

from __future__ import annotations

import tomllib

import pytest

from modelyard.contracts.manifest import ManifestError, manifest_schema, parse
from modelyard.contracts.manifest.positions import find_positions
from modelyard.contracts.manifest.sections import SECTIONS

COMPLETE = '''#:schema .modelyard/manifest.schema.json
[model]
name = "mine"
version = "1.1.0"                 # omit: next patch
entry_point = "model:Tumour"      # or artifact
files = ["model.skops"]
description = """Tumour
triage"""
licence = "Apache-2.0"
tags = ["oncology", 'x # y']
card = "CARD.md"
[environment]
python = "3.11"
dependencies = "requirements.txt"
index = "default"
[schema]
sample = "row.json"
key = "case_id"
[resources]
cpu = 1
gpu = 0
memory_mib = 512
timeout_s = 2
[scaling]
replicas_min = 0
replicas_max = 4
idle_s = 300
[data]
training = "train.csv"
evaluation = "eval.csv"
label = "diagnosis"
[tests]
paths = ["tests"]
[[examples]]
input = "row.json"
expect.label = "benign"
expect.p_malignant = { max = 0.2 }
[[examples]]
input = { "worst area" = 2019.0 }
'''

MINIMAL = """[model]
name = "mine"
artifact = "model.skops"
[environment]
dependencies = "requirements.txt"
[schema]
sample = "row.json"
"""


def fault_of(text: str) -> ManifestError:
    with pytest.raises(ManifestError) as raised:
        parse(text)
    return raised.value


def test_parse_complete_manifest_gives_every_section() -> None:
    manifest = parse(COMPLETE)
    assert manifest.model.entry_point == "model:Tumour"
    assert manifest.model.tags == ("oncology", "x # y")
    assert (manifest.resources.timeout_s, manifest.scaling.idle_s) == (2.0, 300)
    assert manifest.tests == ("tests",)
    assert manifest.examples[0].expect == {"label": "benign", "p_malignant": {"max": 0.2}}
    assert manifest.examples[1].input == {"worst area": 2019.0}
    assert manifest.data_paths() == ("train.csv", "eval.csv")
    assert manifest.referenced_paths() == ("requirements.txt", "model.skops", "row.json", "CARD.md", "tests")


def test_parse_minimal_manifest_takes_defaults() -> None:
    manifest = parse(MINIMAL)
    assert (manifest.model.version, manifest.environment.index, manifest.resources.memory_mib) == ("", "default", 512)


def test_parse_windows_line_ends_are_accepted() -> None:
    assert parse(MINIMAL.replace("\n", "\r\n")) == parse(MINIMAL)


def test_unknown_key_report_reads_as_documented() -> None:
    text = COMPLETE.replace('"""Tumour\ntriage"""', '"Tumour"').replace("memory_mib", "memroy_mib")
    assert fault_of(text).report() == (
        "modelyard.toml:21:1 unknown key `memroy_mib` in [resources]\n"
        "21 | memroy_mib = 512\n"
        "   | ^^^^^^^^^^ did you mean `memory_mib`?\n"
        "Expected: cpu, gpu, memory_mib, timeout_s. Nothing uploaded.            manifest.unknown_key"
    )


@pytest.mark.parametrize("section", list(SECTIONS))
def test_unknown_key_in_any_section_points_at_the_key(section: str) -> None:
    text = COMPLETE.replace(f"[{section}]\n", f"[{section}]\nnobody_knows = 1\n")
    fault = fault_of(text)
    assert fault.code == "manifest.unknown_key"
    assert text.split("\n")[fault.spot.line - 1] == "nobody_knows = 1"
    assert fault.spot.column == 1


@pytest.mark.parametrize(
    ("old", "new", "code", "at"),
    [
        ("memory_mib = 512", 'memory_mib = "512"', "manifest.wrong_type", '"512"'),
        ("memory_mib = 512", "memory_mib = 5", "manifest.wrong_value", "5"),
        ("memory_mib = 512", "memory_mib = true", "manifest.wrong_type", "true"),
        ('"model:Tumour"', '"model.Tumour"', "manifest.wrong_value", '"model.Tumour"'),
        ('name = "mine"', 'name = "Mine!"', "manifest.wrong_value", '"Mine!"'),
        ('version = "1.1.0"', 'version = "1.1"', "manifest.wrong_value", '"1.1"'),
        ('["model.skops"]', '"model.skops"', "manifest.wrong_type", '"model.skops"'),
        ('["model.skops"]', '["../secret"]', "manifest.wrong_value", '"../secret"'),
        ('["model.skops"]', '["/etc/passwd"]', "manifest.wrong_value", '"/etc/passwd"'),
        ('"oncology", ', '"oncology", 7, ', "manifest.wrong_type", "7"),
        ('python = "3.11"', "python = 3.11", "manifest.wrong_type", "3.11"),
        ('python = "3.11"', 'python = "2.7"', "manifest.wrong_value", '"2.7"'),
        ("timeout_s = 2", "timeout_s = nan", "manifest.wrong_value", "nan"),
        ("replicas_min = 0", "replicas_min = 9", "manifest.wrong_value", "9"),
        ("{ max = 0.2 }", '{ max = "a" }', "manifest.wrong_type", '"a"'),
        ("{ max = 0.2 }", "{ maximum = 1 }", "manifest.unknown_key", "maximum"),
        ("[tests]", "[test]", "manifest.unknown_key", "test"),
        ('card = "CARD.md"', 'artifact = "m.skops"', "manifest.keys_conflict", "artifact"),
        ('input = "row.json"\nexpect.label', "expect.label", "manifest.missing_key", "[[examples]]"),
        ('name = "mine"\n', "", "manifest.missing_key", "[model]"),
        ('dependencies = "requirements.txt"\n', "", "manifest.missing_key", "[environment]"),
        ('sample = "row.json"\n', "", "manifest.missing_key", "[schema]"),
    ],
)  # fmt: skip
def test_fault_is_told_at_its_place(old: str, new: str, code: str, at: str) -> None:
    text = COMPLETE.replace(old, new)
    assert text != COMPLETE
    fault = fault_of(text)
    assert fault.code == code
    line = text.split("\n")[fault.spot.line - 1]
    start = fault.spot.column - 1
    assert line[start : start + fault.spot.width] == at
    assert fault.params["expected"].startswith("Expected")


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("[model\n", 1, 7),
        ('[model]\nname = "a\n', 2, 10),
        ("[model]\nname =\n", 2, 7),
        ("a = 1\na = 2\n", 2, 6),
        ("x", 1, 2),
    ],
)
def test_invalid_toml_has_line_and_column(text: str, line: int, column: int) -> None:
    fault = fault_of(text)
    assert (fault.code, fault.spot.line, fault.spot.column) == ("manifest.invalid_toml", line, column)


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "\ufeff", "model = 3\nenvironment = 4\n", "[" * 5000])
def test_hopeless_text_is_refused_with_a_place(text: str) -> None:
    assert fault_of(text).spot.line >= 1


def test_artifact_of_unknown_format_is_refused() -> None:
    assert "ends in .skops or .joblib" in fault_of(MINIMAL.replace("model.skops", "model.pkl")).report()


def test_positions_cover_every_path_of_the_document() -> None:
    text = COMPLETE + '[a.b."c d"]\nx.y = [ [1, 2], { z = "}" } ] # [\n[[a.list]]\n[[a.list]]\n[a.list.sub]\nk = 1\n'
    positions = find_positions(text)

    def check(value: object, path: tuple[str | int, ...]) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                assert (*path, key) in positions.keys, (*path, key)
                check(item, (*path, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                assert (*path, index) in positions.values, (*path, index)
                check(item, (*path, index))

    check(tomllib.loads(text), ())
    span = positions.values[("a", "list", 1, "sub", "k")]
    assert text[span.start : span.end] == "1"


def test_schema_names_the_parsers_keys() -> None:
    schema = manifest_schema()
    assert set(schema["properties"]) == {*SECTIONS, "examples"}
    for name, keys in SECTIONS.items():
        assert {key.name for key in keys} <= set(schema["properties"][name]["properties"])
    assert schema["additionalProperties"] is False
