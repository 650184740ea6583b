from __future__ import annotations

import pytest
from tools.lint.rules import route_permission

PATH = "src/modelyard/deployment/releases/api.py"


@pytest.mark.parametrize(
    "decorator", ["@router.get('/x')", "@router.post(f'{BASE}/x', status_code=201)", "@app.delete(X)"]
)
def test_route_that_declares_nothing_is_found(lint, decorator):
    text = f"{decorator}\ndef f(call: Call): ...\n"
    assert "route f declares no" in lint(route_permission, {PATH: text})[0]


@pytest.mark.parametrize(
    "text",
    [
        "@r.get('/x')\ndef f(call: Annotated[Call, require(Permission.MODEL_READ)]): ...\n",
        "@r.get('/x')\ndef f(call: Call = authenticated()): ...\n",
        "@r.get('/x', dependencies=[public('says nothing')])\nasync def f(): ...\n",
        "Reader = Annotated[Call, require(P.MODEL_READ)]\n@r.get('/x')\ndef f(call: Reader): ...\n",
        "@functools.cache\ndef f(): ...\n",
        "@fixture.get()\ndef f(): ...\n",
    ],
)
def test_route_that_declares_something_passes(lint, text):
    assert lint(route_permission, {PATH: text}) == []


def test_alias_imported_from_another_module_counts(lint):
    files = {
        "src/modelyard/infra/http/callers.py": "Me = Annotated[Call, authenticated()]\n",
        PATH: "from modelyard.infra.http.callers import Me\n@r.get('/x')\ndef f(call: Me): ...\n",
    }
    assert lint(route_permission, files) == []
