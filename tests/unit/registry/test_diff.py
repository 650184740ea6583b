"""Differences between versions that need no database."""

from __future__ import annotations

import pytest

from modelyard.registry.models.diff import as_text, diff_file, metric_direction
from modelyard.registry.models.domain import VersionFile


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("auc", "higher"),
        ("val_accuracy", "higher"),
        ("F1", "higher"),
        ("test-roc_auc", "higher"),
        ("f1_macro", "higher"),
        ("logloss", "lower"),
        ("val_loss", "lower"),
        ("rmse", "lower"),
        ("mean_absolute_error", "lower"),
        ("rows", "unknown"),
        ("churn", "unknown"),
    ],
)
def test_metric_direction_is_read_from_its_name(name: str, direction: str) -> None:
    assert metric_direction(name) == direction


def file(path: str, digest: str) -> VersionFile:
    return VersionFile(path, digest, 1)


def test_binary_file_is_named_but_not_shown() -> None:
    change, lines = diff_file((file("m.bin", "a"), file("m.bin", "b")), (None, None), 100)
    assert (change.change, change.diff, lines) == ("changed", "", 0)
    assert "binary" in change.note


def test_added_file_shows_all_its_lines() -> None:
    change, lines = diff_file((None, file("m.py", "b")), (None, "one\ntwo\n"), 100)
    assert change.change == "added"
    assert "+one\n+two" in change.diff
    assert lines == 5


def test_long_diff_is_cut_and_says_so() -> None:
    change, lines = diff_file((file("m", "a"), file("m", "b")), ("a\n" * 50, "b\n" * 50), 10)
    assert lines == 10
    assert "cut short" in change.note


@pytest.mark.parametrize(("content", "text"), [(b"caf\xc3\xa9", "café"), (b"\xff\xfe", None), (b"a\0b", None)])
def test_as_text_takes_utf8_only(content: bytes, text: str | None) -> None:
    assert as_text(content) == text


@pytest.mark.parametrize(("lines", "left"), [(5000, 4000), (10, 0)])
def test_file_that_would_take_long_to_compare_is_named_and_not_compared(lines: int, left: int) -> None:
    texts = ("a\nb\n" * lines, "b\na\n" * lines)
    change, taken = diff_file((file("m", "a"), file("m", "b")), texts, left)
    assert (change.diff, taken) == ("", 0)
    assert "too long to compare" in change.note
