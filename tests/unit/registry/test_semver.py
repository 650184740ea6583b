"""Version numbers: their order and what comes next."""

from __future__ import annotations

import pytest

from modelyard.registry.models.semver import SemVer, is_semver, newest, next_patch


def test_order_is_that_of_semver_org() -> None:
    ordered = [
        "0.9.0",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0",
        "1.2.0",
        "1.10.0",
    ]
    assert [str(one) for one in sorted(SemVer.parse(text) for text in reversed(ordered))] == ordered


@pytest.mark.parametrize(
    "text", ["1", "1.0", "01.0.0", "1.0.0-", "1.0.0+build", "v1.0.0", "1.0.0 ", "latest", "1.0.0\n"]
)
def test_malformed_number_is_none(text: str) -> None:
    assert not is_semver(text)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([], "1.0.0"), (["1.0.0"], "1.0.1"), (["1.9.0", "1.10.0"], "1.10.1"), (["2.0.0-rc.1", "1.0.0"], "2.0.0")],
)
def test_next_patch_follows_the_highest(numbers: list[str], expected: str) -> None:
    assert next_patch(numbers) == expected


def test_newest_prefers_releases_to_prereleases() -> None:
    assert newest(["1.0.0", "2.0.0-rc.1"]) == "1.0.0"
    assert newest(["2.0.0-rc.1", "2.0.0-rc.2"]) == "2.0.0-rc.2"
    assert newest([]) is None
