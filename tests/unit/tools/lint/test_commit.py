from __future__ import annotations

import pytest
from tools.lint.rules import commit


@pytest.mark.parametrize(
    "call", ["uow.connection.commit()", "connection.rollback()", "self._engine.begin()", "c.begin_nested()"]
)
def test_transaction_ended_outside_infra_is_found(lint, call):
    assert len(lint(commit, {"src/modelyard/identity/users/service.py": call})) == 1
    assert lint(commit, {"src/modelyard/infra/db/database.py": call}) == []


def test_other_calls_and_attributes_pass(lint):
    text = "commit = git.commit\nrepository.commits()\nself._parts.begin()\n"
    assert lint(commit, {"src/modelyard/builds/sources/service.py": text}) == []
