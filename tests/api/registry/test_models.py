"""Models, versions, aliases, files and diffs over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.builds import FILES, BuildsApplication, check_result

BASE = "/api/v1/projects/demo/models"


def push_two(site: BuildsApplication) -> BuildsApplication:
    """1.0.0 and 1.0.1 of `mine`: the second is better, has another column and other code."""
    site.push()
    better = check_result()
    better["schema"]["inputs"].append({**better["schema"]["inputs"][0], "name": "perimeter"})
    site.node.answers["check"] = lambda _: {"result": better}
    changed = {"model.py": b"class Tumour:\n    better = True\n", "metrics.json": b'{"auc": 0.99, "rmse": 2}'}
    assert site.push({**FILES, **changed})["version"] == "1.0.1"
    return site


@pytest.fixture(scope="module")
def two_versions(shared_site: BuildsApplication) -> BuildsApplication:
    """For tests that read, or that leave aliases as they found them."""
    return push_two(shared_site)


@pytest.fixture
def aliased(two_versions: BuildsApplication) -> Iterator[BuildsApplication]:
    yield two_versions
    two_versions.author.delete(f"{BASE}/mine/aliases/champion")


def alias(site: BuildsApplication, version: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return site.author.put(f"{BASE}/mine/aliases/champion", json={"version": version}, headers=named)


def test_models_are_listed_with_latest_version_and_found_by_words(two_versions: BuildsApplication) -> None:
    site = two_versions
    (model,) = site.author.get(BASE).json()["items"]
    assert (model["name"], model["versions"], model["latest"]["version"]) == ("mine", 2, "1.0.1")
    assert len(site.author.get(BASE, params={"q": "TRIAGE oncol"}).json()["items"]) == 1
    assert site.author.get(BASE, params={"q": "triage %"}).json()["items"] == []


def test_versions_are_paged_newest_first(two_versions: BuildsApplication) -> None:
    first = two_versions.author.get(f"{BASE}/mine/versions", params={"limit": 1}).json()
    assert [version["version"] for version in first["items"]] == ["1.0.1"]
    second = two_versions.author.get(f"{BASE}/mine/versions", params={"limit": 1, "cursor": first["next"]}).json()
    assert ([version["version"] for version in second["items"]], second["next"]) == (["1.0.0"], None)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/none", "models.not_found"),
        ("/mine/versions/9.9.9", "versions.not_found"),
        ("/mine/versions/nonsense", "versions.not_found"),
        ("/mine/versions/@none", "aliases.not_found"),
        ("/mine/versions/1.0.0/files/none.py", "versions.file_not_found"),
        ("/mine/versions/1.0.0/files/..%2Fmodel.py", "versions.file_not_found"),
        ("/mine/diff?a=1.0.0&b=7.0.0", "versions.not_found"),
    ],
)
def test_unknown_things_are_not_found_by_name(two_versions: BuildsApplication, path: str, code: str) -> None:
    answer = two_versions.author.get(BASE + path)
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_stranger_finds_no_model(two_versions: BuildsApplication) -> None:
    for path in ("", "/mine", "/mine/versions/1.0.0", "/mine/versions/1.0.0/files/model.py"):
        assert two_versions.clients["stranger"].get(BASE + path).json()["code"] == "projects.not_found"


def test_alias_moves_under_if_match_and_resolves(aliased: BuildsApplication) -> None:
    site = aliased
    made = alias(site, "1.0.0")
    assert (made.status_code, made.headers["etag"], made.json()["revision"]) == (200, '"1"', 1)
    moved = alias(site, "1.0.1", if_match='"1"')
    assert (moved.status_code, moved.headers["etag"]) == (200, '"2"')
    stale = alias(site, "1.0.0", if_match='"1"')
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_edit")
    version = site.author.get(f"{BASE}/mine/versions/@champion").json()
    assert version["version"] == "1.0.1"
    assert site.author.get(f"{BASE}/mine").json()["aliases"][0]["alias"] == "champion"


def test_alias_is_removed_only_by_who_saw_it(aliased: BuildsApplication) -> None:
    site = aliased
    alias(site, "1.0.0")
    path = f"{BASE}/mine/aliases/champion"
    assert site.author.delete(path, headers={"if-match": '"7"'}).status_code == 412
    assert site.clients["reader"].delete(path).status_code == 403
    assert site.author.delete(path, headers={"if-match": '"1"'}).status_code == 204
    assert site.author.get(path).json()["code"] == "aliases.not_found"


@pytest.mark.parametrize("name", ["latest", "Champion", "1.0.0"])
def test_alias_that_could_be_taken_for_something_else_is_refused(two_versions: BuildsApplication, name: str) -> None:
    answer = two_versions.author.put(f"{BASE}/mine/aliases/{name}", json={"version": "1.0.0"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_file_is_downloaded_as_it_was_pushed(two_versions: BuildsApplication) -> None:
    answer = two_versions.author.get(f"{BASE}/mine/versions/1.0.0/files/tests/test_model.py")
    assert answer.content == FILES["tests/test_model.py"]
    assert answer.headers["content-disposition"] == 'attachment; filename="test_model.py"'


def test_diff_says_what_changed_and_which_is_better(two_versions: BuildsApplication) -> None:
    diff = two_versions.author.get(f"{BASE}/mine/diff", params={"a": "1.0.0", "b": "latest"}).json()
    metrics = {metric["name"]: metric for metric in diff["metrics"]}
    assert (metrics["auc"]["better"], metrics["auc"]["direction"]) == (True, "higher")
    assert (metrics["rmse"]["a"], metrics["rmse"]["better"], metrics["rmse"]["direction"]) == (None, None, "lower")
    assert [(one["side"], one["name"], one["change"]) for one in diff["columns"]] == [("inputs", "perimeter", "added")]
    files = {one["path"]: one for one in diff["files"]}
    assert set(files) == {"model.py", "metrics.json"}
    assert "-    pass\n+    better = True" in files["model.py"]["diff"]
    assert diff["packages"] == []


def test_every_change_is_in_the_audit_trail(aliased: BuildsApplication) -> None:
    alias(aliased, "1.0.0")
    with aliased.database.reading() as uow:
        rows = uow.connection.exec_driver_sql("SELECT action FROM audit_events").scalars().all()
    assert {
        "registry.artifact.uploaded", "builds.build.started", "registry.version.built", "builds.build.succeeded",
        "builds.cell_job.ended", "registry.alias.moved",
    } <= set(rows)  # fmt: skip
