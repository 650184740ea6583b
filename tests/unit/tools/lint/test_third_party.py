from __future__ import annotations

import pytest
from tools.lint.rules import third_party


@pytest.mark.parametrize(
    ("line", "allowed", "forbidden"),
    [
        ("import sqlalchemy as sa", "registry/models/store.py", "registry/models/service.py"),
        ("from sqlalchemy import Table", "registry/models/tables.py", "registry/models/api.py"),
        ("from fastapi import APIRouter", "registry/models/api.py", "registry/models/service.py"),
        ("from starlette.requests import Request", "infra/http/call.py", "kernel/access.py"),
        ("from dbos import DBOS", "builds/builds/jobs.py", "builds/builds/service.py"),
        ("from cryptography.hazmat.primitives import hashes", "trust/keys/files.py", "identity/tokens/service.py"),
        ("from envoy.config.route.v3 import route_pb2", "node/gateway/routes.py", "node/supervisor.py"),
        ("from google.protobuf import any_pb2", "node/gateway/routes.py", "contracts/desired_state.py"),
        ("import pickle", "sdk/loading.py", "registry/artifacts/service.py"),
        ("import pandas as pd", "sdk/notebook.py", "node/supervisor.py"),
        ("import click", "cli/main.py", "sdk/client.py"),
    ],
)
def test_library_on_a_leash_is_found_outside_its_place(lint, line, allowed, forbidden):
    assert lint(third_party, {f"src/modelyard/{allowed}": line}) == []
    assert len(lint(third_party, {f"src/modelyard/{forbidden}": line})) == 1


def test_library_with_a_similar_name_passes(lint):
    assert lint(third_party, {"src/modelyard/kernel/x.py": "import google.cloud"}) == []
