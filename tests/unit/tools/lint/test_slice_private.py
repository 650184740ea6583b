from __future__ import annotations

import pytest
from tools.lint.rules import slice_private


@pytest.mark.parametrize("part", ["tables", "store", "api", "jobs"])
def test_private_part_of_another_slice_is_found(lint, part):
    line = f"from modelyard.registry.models.{part} import x"
    assert len(lint(slice_private, {"src/modelyard/deployment/releases/service.py": line})) == 1
    assert len(lint(slice_private, {"src/modelyard/registry/artifacts/service.py": line})) == 1
    assert len(lint(slice_private, {"src/modelyard/web/pages.py": line})) == 1


def test_own_part_and_service_of_another_pass(lint):
    own = {"src/modelyard/registry/models/service.py": "from modelyard.registry.models.store import ModelStore"}
    service = {
        "src/modelyard/deployment/releases/service.py": "from modelyard.registry.models.service import get_model"
    }
    wiring = {"src/modelyard/server/wiring.py": "from modelyard.registry.models.api import router"}
    assert lint(slice_private, own | service | wiring) == []


def test_tables_may_name_a_foreign_key_of_other_tables_but_a_store_may_not_read_them(lint):
    line = "from modelyard.identity.projects.tables import projects"
    assert lint(slice_private, {"src/modelyard/registry/models/tables.py": line}) == []
    assert len(lint(slice_private, {"src/modelyard/registry/models/store.py": line})) == 1
