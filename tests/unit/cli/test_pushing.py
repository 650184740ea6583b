from __future__ import annotations

import pytest

from modelyard.cli.pushing import StepLine, step_words


def test_step_line_grows_as_steps_finish(capsys: pytest.CaptureFixture[str]) -> None:
    line = StepLine()
    line.on_event("step", {"step": "fetch", "state": "succeeded", "detail": "7 files"})
    line.on_event("step", {"step": "lock", "state": "running"})
    line.on_event("step", {"step": "lock", "state": "succeeded", "detail": "lock reused"})
    line.on_event("log", {"line": "anything"})
    line.on_event("step", {"step": "check", "state": "succeeded", "detail": "schema 30 → 2, pytest 3/3 in 1.2 s"})
    line.on_event("step", {"step": "record", "state": "succeeded"})
    line.end()
    assert capsys.readouterr().out == "lock reused ✓  load ✓  tests ✓  bill of materials ✓\n"


def test_step_line_failed_step_is_crossed(capsys: pytest.CaptureFixture[str]) -> None:
    line = StepLine()
    line.on_event("step", {"step": "environment", "state": "failed", "detail": "no wheel"})
    line.end()
    assert capsys.readouterr().out == "environment ✗\n"


def test_step_line_silent_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    line = StepLine(silent=True)
    line.on_event("step", {"step": "lock", "state": "succeeded", "detail": ""})
    line.end()
    assert capsys.readouterr().out == ""


def test_step_words_model_without_tests_claims_none() -> None:
    assert step_words("check", "schema 3 → 1 in 0.2 s") == ["load"]
