"""One bare environment and one with scikit-learn, made once per machine and shared by every node of the session."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.node import Node, make_home

from modelyard.node.environments.interpreters import Interpreters
from modelyard.node.environments.locking import Locker
from modelyard.node.environments.materializing import Environments
from modelyard.node.environments.uv import Uv
from modelyard.node.settings import load_settings

SCIKIT_LEARN = "scikit-learn>=1.9,<2\npandas>=3,<4\nskops>=0.16,<1\n"


@pytest.fixture(scope="session")
def environments() -> Path:
    """Shared between sessions: an environment is named by its content, and locked while it is made."""
    folder = Path(f"/tmp/modelyard-test-environments-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    return folder


@pytest.fixture(scope="session")
def scikit_lock(environments: Path) -> str:
    """The lock text of an environment that lies in `environments` already."""
    settings = load_settings(environments)

    async def make() -> str:
        uv = Uv(settings)
        interpreters = Interpreters(settings, uv)
        locked = await Locker(uv, interpreters).lock(SCIKIT_LEARN, "3.11", "default", 300, print)
        await Environments(environments, uv, interpreters).materialize(locked["lock"], "3.11", None, 600, print)
        return str(locked["lock"])

    return asyncio.run(make())


@pytest.fixture
def node(environments: Path) -> Iterator[Node]:
    node = Node(make_home(), environments)
    yield node
    node.close()
