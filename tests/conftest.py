"""Which tests run where. Sets that need more than any machine has are asked for by `--everything` (`make test-all`)."""

from __future__ import annotations

import os
import sys

import pytest
from tests.support.installations import installation, released

__all__ = ["installation", "released"]
ASKED_FOR = ("browser", "kill_matrix", "escape_matrix")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--everything", action="store_true", help="adds the browser, the kill matrix, the escape matrix")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_root = sys.platform == "linux" and os.geteuid() == 0
    for item in items:
        for marker in ASKED_FOR:
            if item.get_closest_marker(marker) and not config.getoption("--everything"):
                item.add_marker(pytest.mark.skip(reason=f"{marker}: runs in make test-all"))
        if item.get_closest_marker("root") and not is_root:
            item.add_marker(pytest.mark.skip(reason="needs root on Linux: other uids, cgroups"))
