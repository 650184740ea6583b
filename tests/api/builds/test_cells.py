"""What a node is given and what it is believed: orders, lost jobs, results, files, questions."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from tests.support.builds import FILES, BuildsApplication, check_result, digest

from modelyard.builds.cells.errors import NodeSilent
from modelyard.contracts.cell_job import RESULT_BYTES_MAX
from modelyard.infra.crypto.ed25519 import SigningKey
from modelyard.infra.crypto.jwt import Claims, encode_jwt
from modelyard.kernel.ids import new_id


def order_of(site: BuildsApplication, kind: str = "lock") -> Any:
    """A running build's job of that kind, which the node has taken and leaves unanswered."""
    site.node.answers[kind] = lambda _: None
    site.start()
    until = time.monotonic() + 10
    while not any(job.kind == kind for job in site.node.jobs):
        assert time.monotonic() < until
        time.sleep(0.02)
    return site.node.jobs[-1]


def test_order_is_signed_addressed_and_expires(site: BuildsApplication) -> None:
    job = order_of(site)
    assert (job.node_id, job.project, job.kind) == (site.node.trust.node_id, "demo", "lock")
    assert job.issued_at < job.expires_at
    assert job.inputs["requirements"] == "numpy\n"


def test_order_is_given_once_to_one_process(site: BuildsApplication) -> None:
    job = order_of(site)
    site.node.stop()
    assert site.node.poll() == []
    assert [seen.job_id for seen in site.node.jobs].count(job.job_id) == 1


def test_restarted_node_gets_a_new_job_for_the_lost_one(site: BuildsApplication) -> None:
    lost = order_of(site)
    site.node.stop()
    site.node.boot = "boot-2"
    site.node.answers["lock"] = type(site.node)(site.app, site.node_folder).answers["lock"]
    site.node.start()
    assert site.wait(1)["state"] == "succeeded"
    locks = [job.job_id for job in site.node.jobs if job.kind == "lock"]
    assert len(locks) == 2
    assert locks[1] != lost.job_id


def test_poll_that_a_killed_node_left_behind_takes_nothing_from_its_successor(site: BuildsApplication) -> None:
    answers: list[Any] = []
    old = {"wait_s": 8, "boot": site.node.boot}
    site.node.stop()
    ghost = threading.Thread(target=lambda: answers.append(site.node.get("/node/v1/orders", **old)))
    ghost.start()
    time.sleep(0.3)  # it waits on the server, and nobody will read its answer
    site.node.boot = "boot-2"
    site.node.start()
    site.start()
    assert site.wait(1)["state"] == "succeeded"
    ghost.join(15)
    assert answers[0].json() == {"jobs": [], "queries": []}
    assert [job.kind for job in site.node.jobs] == ["lock", "materialize", "check"]


def test_result_counts_once(site: BuildsApplication) -> None:
    job = order_of(site, "check")
    body = {"job_id": job.job_id, "result": check_result()}
    first, second = (site.node.post(f"/node/v1/jobs/{job.job_id}/result", body) for _ in range(2))
    assert (first.json(), second.json()) == ({"accepted": True}, {"accepted": False})
    assert site.wait(1)["state"] == "succeeded"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"nonsense", b'{"job_id": "x"}', b'{"job_id": NaN}', b"[" * 100_000, b'{"result": {}, "failure": {}}'],
)
def test_malformed_result_fails_the_job_instead_of_the_server(site: BuildsApplication, body: bytes) -> None:
    job = order_of(site)
    path = f"/node/v1/jobs/{job.job_id}/result"
    answer = site.node.client.post(path, content=body, headers=site.node.headers())
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        assert site.wait(1)["error"]["code"] == "builds.result_invalid"


def test_oversized_result_is_refused_while_it_comes(site: BuildsApplication) -> None:
    job = order_of(site)
    path = f"/node/v1/jobs/{job.job_id}/result"
    answer = site.node.client.post(path, content=b"x" * (RESULT_BYTES_MAX + 1), headers=site.node.headers())
    assert (answer.status_code, answer.json()["code"]) == (422, "builds.body_too_large")


def test_job_of_another_node_looks_like_none(site: BuildsApplication) -> None:
    job = order_of(site)
    key = SigningKey.generate()
    with site.database.transaction() as uow:
        other = site.identity.nodes.enrol(uow, "second", key.public_bytes)
    now = int(time.time())
    token = encode_jwt(Claims(other.id, "modelyard-control", other.id, new_id("tk"), "node", now, now + 60), key)
    headers = {"authorization": f"Bearer {token}"}
    path = f"/node/v1/jobs/{job.job_id}/result"
    body = {"job_id": job.job_id, "result": {}}
    assert site.node.client.post(path, json=body, headers=headers).status_code == 404
    assert site.node.client.get("/node/v1/orders?wait_s=0", headers=headers).status_code == 204


@pytest.mark.parametrize("path", ["/node/v1/orders?wait_s=0", "/node/v1/blobs/sha256:" + "0" * 64])
def test_people_and_strangers_are_no_nodes(site: BuildsApplication, path: str) -> None:
    assert site.client().get(path).status_code == 401
    assert site.author.get(path).status_code == 401


def test_node_gets_only_files_of_its_jobs_and_desired_state(site: BuildsApplication) -> None:
    job = order_of(site, "check")
    wanted, other = digest(FILES["model.py"]), digest(FILES["train.csv"])
    given = site.node.get(f"/node/v1/blobs/{wanted}")
    assert (given.status_code, given.content) == (200, FILES["model.py"])
    assert site.node.get(f"/node/v1/blobs/{other}").status_code == 404
    site.node.post(f"/node/v1/jobs/{job.job_id}/result", {"job_id": job.job_id, "result": check_result()})
    assert site.node.get(f"/node/v1/blobs/{wanted}").status_code == 404


def test_question_is_answered_through_the_long_poll(site: BuildsApplication) -> None:
    asked = site.builds.queries.ask("host", {"tail": 3}, node_id=site.node.trust.node_id)
    assert asked == {"echo": "host", "tail": 3}


def test_question_to_a_silent_node_ends_in_time(site: BuildsApplication) -> None:
    site.node.stop()
    with pytest.raises(NodeSilent, match="host"):
        site.builds.queries.ask("host", {}, node_id=site.node.trust.node_id, timeout_s=0.1)


def test_order_wakes_a_waiting_poll_at_once(site: BuildsApplication) -> None:
    site.node.stop()
    found: list[float] = []

    def poll() -> None:
        if site.node.poll(wait_s=10):
            found.append(time.monotonic())

    thread = threading.Thread(target=poll)
    thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    site.start()
    thread.join(timeout=10)
    assert found
    assert found[0] - started < 5, json.dumps(found)
