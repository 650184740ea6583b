"""One installation for each file, never two at once: what one test broke, the next one finds healed, or fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.chaos import Site, make_folder, site


@pytest.fixture(scope="module")
def running() -> Iterator[Site]:
    with site(make_folder()) as made:
        yield made
        print("\n".join(["", *made.measured]))


@pytest.fixture
def sound(running: Site) -> Iterator[Site]:
    """The installation, found whole and left whole."""
    running.check_recovered()
    yield running
    running.check_recovered()
