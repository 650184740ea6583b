"""Metrics, samples, profiles and source paths."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.builds.builds.domain import profile_table, read_metrics, read_rows
from modelyard.builds.sources.domain import GitSource, SourceFile, check_files, version_files
from modelyard.builds.sources.errors import GitUrlRefused, SourcePathRefused
from modelyard.builds.sources.git import check_source
from modelyard.contracts.manifest import parse

COMMIT = "a" * 40


@pytest.mark.parametrize("text", ["[]", "{", '{"a": "b"}', '{"a": true}', '{"a": NaN}', '{"a": 1e999}', '{"a": null}'])
def test_metrics_that_are_no_numbers_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|Expecting"):
        read_metrics(text)


@pytest.mark.parametrize(
    ("value", "rows"),
    [({"a": 1}, [{"a": 1}]), ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}]), ({"rows": [{"a": 1}]}, [{"a": 1}])],
)
def test_rows_are_read_in_every_form(value: Any, rows: list[dict[str, Any]]) -> None:
    assert read_rows(value) == rows


@pytest.mark.parametrize("value", [[], 3, [1], "x", {"rows": []}, None])
def test_what_is_no_row_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="a row"):
        read_rows(value)


def test_profile_tells_numbers_from_words_and_counts_nulls() -> None:
    profile = profile_table(["a", "b"], [["1", "x"], ["3", ""], ["", "y"]])
    assert profile["rows"] == 3
    assert profile["columns"] == [
        {"name": "a", "nulls": 1, "min": 1.0, "mean": 2.0, "max": 3.0},
        {"name": "b", "nulls": 1, "distinct": 2},
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://host/x",
        "git://host/x",
        "ext::sh -c id",
        "file:///etc",
        "https://user:secret@host/x",
        "https://token@host/x",
        "--upload-pack=id",
        "ssh://-oProxyCommand=id/x",
        "ssh://-x@host/y",
        "https:///x",
        "https://host/a b",
        "/etc/passwd",
    ],
)
def test_git_address_of_the_wrong_kind_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(GitUrlRefused) as raised:
        check_source(GitSource(url, COMMIT), allow_local=False)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("commit", ["main", "HEAD", "abc123", COMMIT.upper(), "--all", COMMIT + "^{tree}"])
def test_git_commit_must_be_a_full_id(commit: str) -> None:
    with pytest.raises(GitUrlRefused):
        check_source(GitSource("https://example.org/x.git", commit), allow_local=False)


def test_git_directory_stays_inside() -> None:
    with pytest.raises(SourcePathRefused):
        check_source(GitSource("https://example.org/x.git", COMMIT, "../x"), allow_local=False)


def file(path: str) -> SourceFile:
    return SourceFile(path, "sha256:" + "0" * 64, 1)


def test_paths_that_differ_in_case_alone_are_refused() -> None:
    with pytest.raises(SourcePathRefused, match="twice"):
        check_files([file("a.py"), file("A.py")])


def test_version_consists_of_code_and_named_files_without_tests() -> None:
    manifest = parse(
        '[model]\nname="m"\nartifact="m.skops"\nfiles=["assets"]\n[environment]\ndependencies="r.txt"\n'
        '[schema]\nsample="row.json"\n[tests]\npaths=["tests"]\n'
    )
    paths = ["r.txt", "m.skops", "assets/a.bin", "assets2/b", "tests/t.py", "lib/x.py", "row.json"]
    assert [one.path for one in version_files(manifest, [file(path) for path in paths])] == [
        "assets/a.bin",
        "lib/x.py",
        "m.skops",
    ]
