from __future__ import annotations

import json

import pytest

from modelyard.cli.output import EXIT_CODES, report_error, right_aligned, seconds, short_digest, table
from modelyard.contracts.manifest import ManifestError, parse
from modelyard.kernel.errors import ErrorKind
from modelyard.sdk import errors


def test_exit_codes_cover_every_kind_of_error_once() -> None:
    assert {kind.value for kind in ErrorKind} | {"failed"} == set(EXIT_CODES)
    kinds = {error.kind for error in vars(errors).values() if isinstance(error, type) and hasattr(error, "kind")}
    assert kinds <= set(EXIT_CODES)


def test_report_error_shows_detail_next_step_and_code(capsys: pytest.CaptureFixture[str]) -> None:
    status = report_error(errors.NotFound("There is no x.", code="x.not_found", hint="look again", request_id="r1"))
    shown = capsys.readouterr()
    assert (status, shown.out) == (6, "")
    assert shown.err.startswith("There is no x.\nNext: look again")
    assert shown.err.endswith("x.not_found · request r1\n")


def test_report_error_manifest_reads_as_promised(capsys: pytest.CaptureFixture[str]) -> None:
    text = '[model]\nname = "mine"\nartifact = "m.skops"\n[environment]\ndependencies = "r"\n[schema]\nsample = "r"\n'
    with pytest.raises(ManifestError) as caught:
        parse(text + "[resources]\nmemroy_mib = 512\n")
    assert report_error(caught.value) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "modelyard.toml:9:1 unknown key `memroy_mib` in [resources]"
    assert lines[2] == "  | ^^^^^^^^^^ did you mean `memory_mib`?"
    assert lines[3].startswith("Expected: cpu, gpu, memory_mib, timeout_s. Nothing uploaded.")
    assert lines[3].endswith("manifest.unknown_key")


def test_report_error_as_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    report_error(errors.Denied("no", code="denied"), as_json=True)
    found = json.loads(capsys.readouterr().err)
    assert found == {"detail": "no", "hint": "", "code": "denied", "request_id": "", "kind": "denied", "exit_code": 5}


def test_table_aligns_text_left_and_numbers_right() -> None:
    assert table(("n", "name"), [(7, "a"), (12, "bc")]) == " n  name\n 7  a\n12  bc"


def test_table_of_generator_and_empty_cells() -> None:
    assert table(("a", "b"), ((value, None) for value in ("x",))) == "a  b\nx"


@pytest.mark.parametrize(("value", "shown"), [(0.006, "6 ms"), (0.42, "0.4 s"), (2.44, "2.4 s"), (35.2, "35 s")])
def test_seconds_reads_as_people_say_it(value: float, shown: str) -> None:
    assert seconds(value) == shown


def test_short_digest_keeps_four_digits() -> None:
    assert short_digest("sha256:9f2c" + "0" * 60) == "sha256:9f2c…"
    assert short_digest("") == ""


def test_right_aligned_long_text_is_not_cut() -> None:
    assert right_aligned("x" * 60, "1 s").endswith("x  1 s")
