from __future__ import annotations

import pytest
from tools.lint.rules import standard_library


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("src/modelyard/kernel/ids.py", "import httpx"),
        ("src/modelyard/node/launcher/loop.py", "from modelyard.contracts.cell_job import CellJob"),
        ("src/modelyard/infra/processes/paths.py", "from modelyard.infra.db import Database"),
        ("worker/src/modelyard_worker/http.py", "import httptools"),
    ],
)
def test_import_beyond_the_standard_library_is_found(lint, path, line):
    assert len(lint(standard_library, {path: line})) == 1


def test_standard_library_and_own_modules_pass(lint):
    files = {
        "src/modelyard/node/launcher/loop.py": "import selectors\nfrom modelyard.node.launcher import messages",
        "src/modelyard/node/supervisor.py": "import httpx",
        "worker/src/modelyard_worker/codec.py": "import numpy as np",
    }
    assert lint(standard_library, files) == []
