from __future__ import annotations

import pytest
from tools.lint.rules import environment


@pytest.mark.parametrize("line", ["os.environ['X']", "os.getenv('X')", "os.environ.get('X')", "from os import environ"])
def test_environment_read_outside_settings_is_found(lint, line):
    assert len(lint(environment, {"src/modelyard/cli/up.py": line})) == 1
    assert lint(environment, {"src/modelyard/cli/settings.py": line}) == []
    assert lint(environment, {"tests/e2e/test_up.py": line}) == []
