"""The identity room over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.application import IdentityApplication, identity_application


@pytest.fixture
def site(tmp_path: Path) -> Iterator[IdentityApplication]:
    with identity_application(f"sqlite:///{tmp_path / 'test.db'}", tmp_path) as application:
        yield application
