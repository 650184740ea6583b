"""Bad input against a whole installation, from where it is typed to where it is refused: pushes that can't become a
version, predictions that are no rows, callers that may not, and a database that was edited by hand."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from bench.installation import PROJECT, Installation
from tests.support.installations import CODE, MANIFEST, Released, write_small_model
from tests.support.waiting import until

from modelyard.contracts.manifest.errors import ManifestError
from modelyard.sdk.client import Client
from modelyard.sdk.errors import BuildFailed, Denied, ModelyardError, NotFound
from modelyard.sdk.folders import read_folder
from modelyard.sdk.pushing import push_folder

pytestmark = pytest.mark.timeout(600)
MEGABYTE = 1024 * 1024
ABSENT = 'entry_point = "model:Absent"'
CONTRADICTED = '[[schema.outputs]]\nname = "y"\ndatatype = "BYTES"\n'


@pytest.fixture(scope="module")
def small(installation: Installation) -> Released:
    """A model without dependencies, live."""
    folder = write_small_model(installation.folder / "guarded", "guarded", factor=2)
    version = installation.push(folder)
    installation.release("guarded", version)
    return Released(installation, folder, "guarded", version, installation.caller_token("guarded")[0]).wait()


def failure_of(author: Client, folder: Path) -> dict[str, Any]:
    """The error that the push of the folder ends with. Nothing was registered."""
    number = push_folder(author, read_folder(folder), None).number
    with pytest.raises(BuildFailed):
        author.builds.wait(number)
    build = author.builds.get_build(number)
    assert build.state == "failed"
    assert build.version == ""
    return dict(build.document["error"])


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({"requirements_txt": "six==99.0\n"}, "builds.dependency_unresolved", "six==99.0"),
        ({"modelyard_toml": MANIFEST.replace("[environment]", '[environment]\npython = "3.99"')},
         "builds.python_missing", "3.99"),
        ({"modelyard_toml": MANIFEST.replace('entry_point = "model:Model"', ABSENT)}, "builds.entry_point", "Absent"),
        ({"model_py": f"import left_out\n\n{CODE}"}, "builds.local_module", "left_out"),
        ({"model_py": f"import no_such_package\n\n{CODE}"}, "builds.module_missing", "no_such_package"),
        ({"modelyard_toml": MANIFEST.replace("[resources]", f"{CONTRADICTED}[resources]")},
         "builds.schema_contradiction", 'outputs."y"'),
    ],
    ids=["unresolved", "python", "entry-point", "local-module", "missing-package", "contradiction"],
)  # fmt: skip
def test_push_that_can_become_no_version_says_why(
    installation: Installation, files: dict[str, str], code: str, said: str
) -> None:
    name = code.partition(".")[2].replace("_", "-")
    folder = write_small_model(installation.folder / "bad" / name, name, **files)
    (folder.parent / "left_out.py").write_text("")
    author = installation.client("author")
    error = failure_of(author, folder)
    assert error["code"] == code, error
    assert said in error["detail"], error
    assert error["hint"], error
    with pytest.raises(NotFound):
        author.models.get_model(PROJECT, name)


def test_push_of_truncated_artifact_is_unreadable_in_the_cell(released: Released) -> None:
    made = released.installation
    folder = made.folder / "truncated"
    write_small_model(
        folder, "truncated",
        modelyard_toml=MANIFEST.replace('entry_point = "model:Model"', 'artifact = "model.joblib"'),
        requirements_txt=(released.folder / "requirements.txt").read_text(),
    )  # fmt: skip
    (folder / "model.py").unlink()
    (folder / "model.joblib").write_bytes(b"\x80\x05\x95" + b"\0" * 200)
    error = failure_of(made.client("author"), folder)
    assert (error["code"], "model.joblib" in error["detail"]) == ("builds.artifact_unreadable", True)


def test_push_of_unknown_format_or_manifest_key_is_refused_before_anything_is_sent(
    installation: Installation, tmp_path: Path
) -> None:
    sent = len(list(installation.client("author").builds.list_builds(PROJECT)))
    for manifest, said in (
        (MANIFEST.replace('entry_point = "model:Model"', 'artifact = "model.h5"'), "model.h5"),
        (MANIFEST.replace("timeout_s", "timeuot_s"), "did you mean `timeout_s`"),
    ):
        with pytest.raises((ModelyardError, ManifestError)) as caught:
            read_folder(write_small_model(tmp_path, "typo", modelyard_toml=manifest))
        assert said in getattr(caught.value, "report", caught.value.__str__)()
    assert len(list(installation.client("author").builds.list_builds(PROJECT))) == sent


def test_push_to_a_project_one_only_reads_or_does_not_see_is_refused(
    installation: Installation, tmp_path: Path
) -> None:
    installation.client("author")
    admin, folder = installation.client(), write_small_model(tmp_path, "mine")
    admin.accounts.add_user("watcher", password="four unrelated words here")
    with Client(installation.url) as anonymous:
        token = anonymous.accounts.log_in("watcher", "four unrelated words here").token
    with Client(installation.url, token, project=PROJECT) as watcher:
        with pytest.raises(NotFound):
            push_folder(watcher, read_folder(folder), None)
        admin.projects.grant(PROJECT, "watcher", "viewer")
        with pytest.raises(Denied):
            push_folder(watcher, read_folder(folder), None)
        with pytest.raises(Denied):
            watcher.builds.start(PROJECT, {"kind": "git", "url": "https://example.org/a", "commit": "a" * 40})
    assert any(event["principal_name"] == "watcher" for event in admin.audit(outcome="denied"))


def test_predict_rows_that_do_not_fit_are_told_their_place(released: Released) -> None:
    row, name = released.row(), "worst area"
    answer = released.ask("predict", {"rows": [{**row, name: "2019,0"}]})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(
        f'rows[0]."{name}": got string "2019,0", expected FP64. Send 2019.0. '
        f"Schema: GET /v2/models/{released.endpoint}."
    )
    assert f"Request pr_{answer.headers['x-request-id']}" in answer.json()["error"]
    for rows, said in (
        ([{**row, name: None}], name),
        ([row, {**row, "no such column": 1.0}], "no such column"),
        ([{key: value for key, value in row.items() if key != name}], name),
        ([[1.0]], "rows[0]"),
        ([], "rows"),
    ):
        refused = released.ask("predict", {"rows": rows})
        assert (refused.status_code, said in refused.json()["error"]) == (400, True), refused.text
    nan = json.dumps({"rows": [{**row, name: float("nan")}]})
    refused = post_text(released, nan)
    assert (refused.status_code, name in refused.json()["error"]) == (400, True), refused.text


def post_text(released: Released, text: str) -> httpx.Response:
    url = f"{released.installation.url}/v2/models/{released.endpoint}/predict"
    headers = {**released.headers, "content-type": "application/json"}
    return httpx.post(url, content=text.encode(), headers=headers, timeout=60)


def test_body_of_200_megabytes_is_refused_without_being_read(small: Released) -> None:
    made = small.installation
    path = f"/v2/models/{small.endpoint}/predict"
    head = (
        f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {small.token}\r\n"
        f"content-type: application/json\r\ncontent-length: {200 * MEGABYTE}\r\n\r\n"
    )
    sent, answer = 0, b""
    with socket.create_connection(("127.0.0.1", made.port), timeout=60) as connection:
        connection.sendall(head.encode())
        piece = b" " * MEGABYTE
        try:
            while sent < 200:
                connection.sendall(piece)
                sent += 1
        except (ConnectionResetError, BrokenPipeError):
            pass
        try:
            answer = connection.recv(65536)
        except ConnectionResetError:
            answer = b""
    assert sent < 200 or answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert small.ask("predict", {"x": 2.0}).json()["predictions"] == [{"y": 4.0}]


def test_unknown_endpoint_version_alias_and_build_are_not_found(small: Released) -> None:
    made, author = small.installation, small.installation.client("author")
    url = f"{made.url}/v2/models"
    for path in (f"{PROJECT}.absent", f"absent.{small.model}", f"{small.endpoint}/versions/9.9.9"):
        answer = httpx.post(f"{url}/{path}/predict", json={"x": 1.0}, headers=small.headers, timeout=60)
        assert answer.status_code == 404, (path, answer.text)
    for reference in ("9.9.9", "@absent"):
        with pytest.raises(NotFound, match=r"absent|9\.9\.9"):
            author.models.get_version(PROJECT, small.model, reference)
    with pytest.raises(NotFound):
        author.builds.get_build(2**31 - 1)


def test_token_forged_or_in_the_query_string_is_no_token(small: Released) -> None:
    url = f"{small.installation.url}/v2/models/{small.endpoint}"
    for query in ("access_token", "token", "authorization", "jwt"):
        answer = httpx.get(url, params={query: small.token}, timeout=60)
        assert answer.status_code == 401, query
        api = httpx.get(f"{small.installation.url}/api/v1/me", params={query: small.token}, timeout=60)
        assert api.status_code == 401, query
    header, payload, signature = small.token.split(".")
    for forged in (f"{header}.{payload}.", f"{header}.{payload}.{signature[::-1]}", "x"):
        assert httpx.get(url, headers={"authorization": f"Bearer {forged}"}, timeout=60).status_code == 401


def test_same_idempotency_key_with_another_body_is_refused(small: Released) -> None:
    author = small.installation.client("author")
    headers = {"idempotency-key": "the same"}
    path = f"/api/v1/projects/{PROJECT}/releases"
    body = {"endpoint": "twice", "model": small.model, "version": small.version, "why": "once"}

    def post(why: str) -> httpx.Response:
        with httpx.Client(base_url=small.installation.url, timeout=60) as http:
            token = author.transport.token
            return http.post(path, json={**body, "why": why}, headers={**headers, "authorization": f"Bearer {token}"})

    first, again, other = post("once"), post("once"), post("another")
    assert (first.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, first.json(), "true")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency.key_reused")


class Edited:
    """The running installation's database, in the hands of somebody who can write its file."""

    def __init__(self, made: Installation) -> None:
        self._path = made.home / "control" / "modelyard.db"

    def execute(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
            assert connection.execute(statement, values).rowcount == 1

    def value(self, query: str, *values: Any) -> Any:
        with closing(sqlite3.connect(self._path, timeout=30)) as connection:
            return connection.execute(query, values).fetchone()[0]


@pytest.fixture
def unapproved(small: Released) -> Iterator[tuple[Edited, int]]:
    """The database, and the number of a release that nobody has approved; the endpoint serves as before afterwards."""
    made = small.installation
    second = made.push(write_small_model(small.folder, small.model, factor=6))
    pending = made.client("author").releases.request(
        PROJECT, endpoint=small.model, model=small.model, version=second, why="not yet"
    )
    edited = Edited(made)
    target = edited.value("SELECT target_release_id FROM endpoints WHERE name = ?", small.model)
    yield edited, pending.number
    edited.execute("UPDATE endpoints SET target_release_id = ? WHERE name = ?", target, small.model)
    touch(small, 900)
    owner = made.client("owner")
    until(lambda: owner.endpoints.get_endpoint(PROJECT, small.model).phase == "live", "as it was")


def touch(small: Released, requests_per_s: int) -> None:
    """An honest change, which makes the control plane render what the database says now."""
    path = f"/api/v1/projects/{PROJECT}/endpoints/{small.model}/limits"
    small.installation.client("owner").transport.json("PUT", path, body={"requests_per_s": requests_per_s})


@pytest.mark.parametrize("with_statement", [False, True], ids=["without a statement", "with another's statement"])
def test_attack_database_edited_to_serve_an_unapproved_version_is_refused_by_the_node(
    small: Released, unapproved: tuple[Edited, int], with_statement: bool
) -> None:
    edited, number = unapproved
    if with_statement:
        signed = edited.value("SELECT statement FROM releases WHERE endpoint = ? AND state = 'live'", small.model)
        edited.execute("UPDATE releases SET statement = ? WHERE number = ?", signed, number)
    edited.execute("UPDATE releases SET state = 'approved' WHERE number = ?", number)
    forged = edited.value("SELECT id FROM releases WHERE number = ?", number)
    edited.execute("UPDATE endpoints SET target_release_id = ? WHERE name = ?", forged, small.model)
    touch(small, 901 + with_statement)
    owner, refusals, answers = small.installation.client("owner"), set(), set()

    def told() -> bool:
        """By the endpoint while it is tried, and by the release from then on."""
        answer = small.ask("predict", {"x": 2.0})
        answers.add((answer.status_code, answer.json().get("version"), json.dumps(answer.json().get("predictions"))))
        refusals.add(str(owner.endpoints.get_endpoint(PROJECT, small.model).document["problem"]))
        refusals.add(str(owner.releases.get_release(number).document["problem"]))
        return any("Refused to load" in refusal for refusal in refusals)

    until(told, "the node says what it refuses")
    assert any(("names version" if with_statement else "no signed statement") in refusal for refusal in refusals)
    ends = time.monotonic() + 2
    while time.monotonic() < ends:
        told()
    assert answers == {(200, small.version, '[{"y": 4.0}]')}
