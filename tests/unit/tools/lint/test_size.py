from __future__ import annotations

import pytest
from tools.lint.rules import size


@pytest.mark.parametrize(("path", "lines"), [("src/modelyard/x.py", 500), ("tests/api/test_x.py", 800)])
def test_module_over_the_limit_is_found(lint, path, lines):
    assert lint(size, {path: "x = 1\n" * lines}) == []
    assert len(lint(size, {path: "x = 1\n" * (lines + 1)})) == 1


def test_migration_may_be_long(lint):
    assert lint(size, {"src/modelyard/server/migrations/versions/0001_x.py": "x = 1\n" * 900}) == []


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_function_over_the_limit_is_found(lint, keyword):
    fits = f"{keyword} f():\n" + "    x = 1\n" * 69
    assert lint(size, {"src/modelyard/x.py": fits}) == []
    assert "f has 71 lines" in lint(size, {"src/modelyard/x.py": fits + "    x = 1\n"})[0]
