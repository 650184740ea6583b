"""Paths that leave their folder and results that a model forged: each refused, none of them breaking anything.

Only `shared_site` in here: DBOS keeps its state in globals, so a process has one application at a time.
"""

from __future__ import annotations

import pytest
from tests.support.builds import FILES, BuildsApplication, check_result


@pytest.mark.parametrize("path", ["../x.py", "/etc/passwd", "a//b.py", "a\\b.py", "MODEL.PY", "a\nb.py", ""])
def test_hostile_path_is_refused(shared_site: BuildsApplication, path: str) -> None:
    answer = shared_site.start({**FILES, path: b"x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "builds.path_refused")


@pytest.mark.parametrize(
    "hostile",
    [
        {"schema": None},
        {"schema": {"inputs": [], "outputs": []}},
        {"preload": ["os; import evil"]},
        {"sample_output": "all"},
        {"load_s": -1},
        {"tests": {"passed": "many"}},
        {"schema": {"inputs": [{"name": "a", "datatype": "PICKLE"}], "outputs": []}},
        {"examples": [1]},
    ],
)
def test_forged_check_result_fails_the_build(shared_site: BuildsApplication, hostile: dict[str, object]) -> None:
    shared_site.node.answers["check"] = lambda _: {"result": check_result(**hostile)}
    build = shared_site.push()
    assert (build["state"], build["error"]["code"]) == ("failed", "builds.result_invalid")
