from __future__ import annotations

import pytest
from tools.lint.rules import banned_name


@pytest.mark.parametrize(
    "path",
    [
        "src/modelyard/infra/utils.py",
        "src/modelyard/registry/common/x.py",
        "src/modelyard/node/manager.py",
        "src/modelyard/registry/models2.py",
        "tests/support/helpers.py",
    ],
)
def test_module_name_that_says_nothing_is_found(lint, path):
    assert len(lint(banned_name, {path: ""})) == 1


def test_class_name_that_says_nothing_is_found(lint):
    text = "class ReleaseManager: ...\nclass Releases: ...\n"
    assert len(lint(banned_name, {"src/modelyard/deployment/releases/service.py": text})) == 1


def test_name_with_a_meaning_passes(lint):
    assert lint(banned_name, {"src/modelyard/trust/keys/sha256.py": "", "src/modelyard/infra/db/metadata.py": ""}) == []
