from __future__ import annotations

import pytest
from tools.lint.rules import project_scope

PATH = "src/modelyard/registry/models/store.py"


def test_store_without_a_project_is_found(lint):
    text = "class ModelStore:\n    def __init__(self, uow): ...\n"
    assert "opened without a project" in lint(project_scope, {PATH: text})[0]
    assert lint(project_scope, {"src/modelyard/registry/models/service.py": text}) == []


@pytest.mark.parametrize(
    "text",
    [
        "class ModelStore:\n    def __init__(self, uow, project_id): ...\n",
        "class ModelStore:\n    def __init__(self, uow, *, scope): ...\n",
        "@dataclass\nclass ModelStore:\n    uow: UnitOfWork\n    project_id: str\n",
        "class Row:\n    pass\n",
    ],
)
def test_store_with_a_project_passes(lint, text):
    assert lint(project_scope, {PATH: text}) == []
