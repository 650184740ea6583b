"""Fixtures of those who test registry and builds over HTTP, with a played node. Their conftest imports them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.builds import BuildsApplication, builds_application


@pytest.fixture
def site(tmp_path: Path) -> Iterator[BuildsApplication]:
    with builds_application(f"sqlite:///{tmp_path / 'test.db'}", tmp_path) as application:
        yield application


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildsApplication]:
    """One for the many cases of a test that leaves nothing behind."""
    folder = tmp_path_factory.mktemp("shared")
    with builds_application(f"sqlite:///{folder / 'test.db'}", folder) as application:
        yield application


@pytest.fixture
def site_on_both(tmp_path: Path, database_url: str) -> Iterator[BuildsApplication]:
    """On SQLite and on PostgreSQL."""
    with builds_application(database_url, tmp_path) as application:
        yield application
