"""A release from its request to what answers, and each way around four eyes."""

from __future__ import annotations

import threading
import time

import sqlalchemy as sa

from modelyard.contracts.node_status import EndpointStatus
from modelyard.contracts.statements import IN_TOTO_PAYLOAD, Envelope, ReleaseStatement
from modelyard.deployment.releases.tables import releases
from modelyard.registry.models.tables import versions
from modelyard.trust.attestations import verify


def code_of(answer):
    return answer.status_code, answer.json()["code"]


def test_release_whole_way_goes_live_and_supersedes(demo_on_both):
    demo = demo_on_both
    first = demo.release("1.0.0")
    assert first["state"] == "live"
    assert first["statement"]["payloadType"] == IN_TOTO_PAYLOAD
    second = demo.approve(demo.ask("1.1.0"))
    assert second["state"] == "approved"
    assert demo.endpoint()["live"]["version"] == "1.0.0"
    assert demo.endpoint()["swapping"] is True
    demo.site.clock.advance(seconds=0.25)
    demo.site.report_live(second, demo.endpoint()["id"])
    live = demo.get(second["number"])
    assert (live["state"], live["approved_to_live_ms"]) == ("live", 250)
    assert demo.get(first["number"])["state"] == "superseded"
    assert demo.endpoint()["live"]["version"] == "1.1.0"
    assert live["evidence"]["against"]["version"] == "1.0.0"
    assert live["diff"]["files"][0]["path"] == "model.py"


def test_statement_covers_digest_endpoint_and_evidence(demo):
    release = demo.release("1.0.0")
    envelope = Envelope.from_json(release["statement"])
    verify(envelope, IN_TOTO_PAYLOAD, demo.site.keys.release_keys())
    statement = ReleaseStatement.from_payload(envelope.payload_json())
    assert statement.version_digest == release["version_digest"]
    assert (statement.project, statement.endpoint, statement.release_number) == ("demo", "mine", release["number"])
    assert (statement.author, statement.approver, statement.why) == ("author", "reviewer", "AUC fine")
    assert statement.evidence_digest == release["evidence_digest"]


def test_approve_own_push_is_refused_and_audited(demo):
    # The owner may push and may approve, but not both for one version.
    release = demo.ask(by=demo.owner)
    refused = demo.owner.post(f"/api/v1/releases/{release['number']}/approve", json={"why": "mine"})
    assert code_of(refused) == (403, "releases.approver_is_author")
    assert demo.get(release["number"])["statement"] is None
    denied = demo.admin.get("/api/v1/audit", params={"outcome": "denied"}).json()["items"]
    assert [event["principal_name"] for event in denied] == ["owner"]


def test_approve_by_requester_of_others_work_is_refused(demo):
    demo.site.register("demo", number="1.0.0", by=demo.author)
    body = {"endpoint": "mine", "model": "tumour", "version": "1.0.0"}
    release = demo.owner.post("/api/v1/projects/demo/releases", json=body).json()
    refused = demo.owner.post(f"/api/v1/releases/{release['number']}/approve", json={"why": "fine"})
    assert code_of(refused) == (403, "releases.approver_is_requester")


def test_approve_by_author_after_other_asked_is_refused(demo):
    # The author has somebody else fill in the form: whose work it is counts, not who asked.
    demo.site.register("demo", number="1.0.0", by=demo.owner)
    body = {"endpoint": "mine", "model": "tumour", "version": "1.0.0"}
    release = demo.author.post("/api/v1/projects/demo/releases", json=body).json()
    refused = demo.owner.post(f"/api/v1/releases/{release['number']}/approve", json={"why": "fine"})
    assert code_of(refused) == (403, "releases.approver_is_author")


def test_approve_after_pushing_by_own_service_account_is_refused(demo):
    # A robot whose token the approver made hides nobody.
    demo.owner.post("/api/v1/projects/demo/service-accounts", json={"name": "robot"})
    demo.admin.put("/api/v1/projects/demo/members/service_account:robot", json={"role": "developer"})
    body = {"principal": "robot", "name": "ci", "days": 1}
    token = demo.owner.post("/api/v1/projects/demo/tokens", json=body).json()["token"]
    release = demo.ask(by=demo.site.client(token))
    refused = demo.owner.post(f"/api/v1/releases/{release['number']}/approve", json={"why": "fine"})
    assert code_of(refused) == (403, "releases.approver_made_credential")
    assert demo.approve(release)["state"] == "approved"


def test_approve_by_promoted_author_is_refused(demo):
    # Changing one's own role between push and decision changes nobody's authorship.
    release = demo.ask()
    demo.owner.put("/api/v1/projects/demo/members/author", json={"role": "reviewer"})
    refused = demo.author.post(f"/api/v1/releases/{release['number']}/approve", json={"why": "fine"})
    assert code_of(refused) == (403, "releases.approver_is_author")


def test_approve_by_host_is_refused(demo):
    release = demo.ask()
    refused = demo.site.host().post(f"/api/v1/releases/{release['number']}/approve", json={"why": "root"})
    assert refused.status_code == 403


def test_approve_after_version_was_swapped_in_database_is_refused(demo):
    release = demo.ask()
    with demo.site.database.engine.begin() as connection:
        connection.execute(versions.update().values(digest="sha256:" + "e" * 64))
    refused = demo.reviewer.post(f"/api/v1/releases/{release['number']}/approve", json={"why": "fine"})
    assert code_of(refused) == (412, "releases.version_changed")


def test_approve_new_push_leaves_old_release_bound_to_its_version(demo):
    release = demo.ask("1.0.0")
    demo.site.register("demo", number="1.0.1", by=demo.author)
    demo.approve(release)
    (endpoint,) = demo.site.fetch_state().endpoints
    assert endpoint.splits[0].version_id == release["version_id"]


def test_approve_evidence_seen_before_other_went_live_is_refused(demo):
    first, second = demo.ask("1.0.0"), demo.ask("1.1.0")
    seen = demo.reviewer.get(f"/api/v1/releases/{second['number']}").json()["evidence_digest"]
    approved = demo.approve(first)
    demo.site.report_live(approved, demo.endpoint()["id"])
    body = {"why": "fine", "evidence_digest": seen}
    refused = demo.reviewer.post(f"/api/v1/releases/{second['number']}/approve", json=body)
    assert code_of(refused) == (412, "releases.evidence_changed")
    seen = demo.reviewer.get(f"/api/v1/releases/{second['number']}").json()["evidence_digest"]
    assert demo.approve(second, evidence_digest=seen)["state"] == "approved"


def test_approve_twice_conflicts(demo):
    release = demo.ask()
    demo.approve(release)
    again = demo.reviewer.post(f"/api/v1/releases/{release['number']}/approve", json={"why": "again"})
    assert code_of(again) == (409, "releases.not_pending")


def test_approve_without_reason_is_refused(demo):
    release = demo.ask()
    refused = demo.reviewer.post(f"/api/v1/releases/{release['number']}/approve", json={"why": "  "})
    assert code_of(refused) == (422, "invalid")


def test_approve_by_developer_is_denied(demo):
    release = demo.ask()
    assert demo.operator.post(f"/api/v1/releases/{release['number']}/approve", json={"why": "x"}).status_code == 403


def test_release_of_other_project_looks_like_none(demo):
    release = demo.ask()
    foreign = demo.outsider.get(f"/api/v1/releases/{release['number']}").json()
    missing = demo.outsider.get("/api/v1/releases/999").json()
    assert foreign["code"] == missing["code"] == "releases.not_found"
    assert demo.outsider.get("/api/v1/releases").json()["items"] == []
    url = f"/api/v1/releases/{release['number']}/approve"
    assert demo.outsider.post(url, json={"why": "x"}).status_code == 404


def test_reject_and_withdraw_end_a_pending_release(demo):
    first, second = demo.ask("1.0.0"), demo.ask("1.1.0")
    rejected = demo.reviewer.post(f"/api/v1/releases/{first['number']}/reject", json={"why": "AUC low"}).json()
    assert (rejected["state"], rejected["decision_why"]) == ("rejected", "AUC low")
    assert demo.author.post(f"/api/v1/releases/{second['number']}/withdraw").json()["state"] == "withdrawn"
    refused = demo.reviewer.post(f"/api/v1/releases/{first['number']}/approve", json={"why": "x"})
    assert code_of(refused) == (409, "releases.not_pending")


def test_request_same_version_twice_conflicts(demo):
    release = demo.ask()
    body = {"endpoint": "mine", "model": "tumour", "version": "1.0.0"}
    again = demo.author.post("/api/v1/projects/demo/releases", json=body)
    assert code_of(again) == (409, "releases.pending_already")
    approved = demo.approve(release)
    demo.site.report_live(approved, demo.endpoint()["id"])
    again = demo.author.post("/api/v1/projects/demo/releases", json=body)
    assert code_of(again) == (409, "releases.live_already")


def test_request_unknown_version_is_not_found(demo):
    body = {"endpoint": "mine", "model": "nothing", "version": "1.0.0"}
    assert demo.author.post("/api/v1/projects/demo/releases", json=body).status_code == 404


def test_request_repeated_with_key_gives_first_answer(demo):
    demo.site.register("demo", number="1.0.0", by=demo.author)
    body = {"endpoint": "mine", "model": "tumour", "version": "1.0.0"}
    send = lambda: demo.author.post(  # noqa: E731
        "/api/v1/projects/demo/releases", json=body, headers={"idempotency-key": "k1"}
    )
    assert send().json()["number"] == send().json()["number"]


def test_failed_release_keeps_traceback_and_predecessor(demo):
    first = demo.release("1.0.0")
    second = demo.approve(demo.ask("1.1.0"))
    status = EndpointStatus(
        demo.endpoint()["id"], "live", first["version_id"], first["id"],
        failed_release_id=second["id"], problem="Traceback\nImportError: features",
    )  # fmt: skip
    demo.site.report(status)
    failed = demo.get(second["number"])
    assert (failed["state"], failed["problem"]) == ("failed", "Traceback\nImportError: features")
    assert demo.get(first["number"])["state"] == "live"
    (endpoint,) = demo.site.fetch_state().endpoints
    assert endpoint.splits[0].release_id == first["id"]


def test_report_of_older_state_changes_nothing(demo):
    release = demo.approve(demo.ask())
    with demo.site.database.reading() as uow:
        number = demo.site.deployment.changes.newest_number(uow)
    status = EndpointStatus(demo.endpoint()["id"], "live", release["version_id"], release["id"])
    demo.site.report(status, number=number - 1)
    assert demo.get(release["number"])["state"] == "approved"


def test_report_by_other_than_node_is_refused(demo):
    assert demo.owner.post("/node/v1/status", json={}).status_code == 401
    assert demo.site.client().get("/node/v1/desired-state").status_code == 401


def test_report_in_name_of_other_node_is_refused(demo):
    body = {
        "node_id": "no_other", "number": 1, "at": "x", "tier": 0, "host": {}, "envoy": {}, "replicas": [],
        "endpoints": [],
    }  # fmt: skip
    refused = demo.site.node_client().post("/node/v1/status", json=body)
    assert code_of(refused) == (422, "nodes.status_malformed")


def test_rollback_reuses_old_statement_and_leaves_pending_alone(demo):
    first, _ = demo.release("1.0.0"), demo.release("1.1.0")
    pending = demo.ask("1.2.0")
    url = "/api/v1/projects/demo/endpoints/mine/rollback"
    back = demo.operator.post(url, json={"why": "false alarms"})
    assert back.status_code == 200, back.text
    assert back.json()["number"] == first["number"]
    (endpoint,) = demo.site.fetch_state().endpoints
    assert endpoint.splits[0].statement == first["statement"]
    demo.site.report_live(back.json(), endpoint.endpoint_id)
    assert demo.endpoint()["live"]["version"] == "1.0.0"
    assert demo.get(2)["state"] == "rolled_back"
    assert demo.get(pending["number"])["state"] == "pending"
    event = demo.reviewer.get("/api/v1/audit", params={"action": "deployment.endpoint.rolled_back"}).json()["items"][0]
    assert (event["why"], event["details"]["to_release"]) == ("false alarms", first["number"])
    # And forward again, by name.
    forward = demo.operator.post(url, json={"to_release": 2})
    assert forward.json()["number"] == 2


def test_rollback_without_predecessor_conflicts(demo):
    demo.release("1.0.0")
    refused = demo.operator.post("/api/v1/projects/demo/endpoints/mine/rollback", json={})
    assert code_of(refused) == (409, "releases.nothing_to_roll_back_to")


def test_rollback_to_release_never_live_is_refused(demo):
    demo.release("1.0.0")
    pending = demo.ask("1.1.0")
    url = "/api/v1/projects/demo/endpoints/mine/rollback"
    refused = demo.operator.post(url, json={"to_release": pending["number"]})
    assert code_of(refused) == (409, "releases.target_never_live")


def test_rollback_while_swapping_returns_to_what_answers(demo):
    first = demo.release("1.0.0")
    second = demo.approve(demo.ask("1.1.0"))
    back = demo.operator.post("/api/v1/projects/demo/endpoints/mine/rollback", json={}).json()
    assert (back["number"], back["state"]) == (first["number"], "live")
    assert demo.get(second["number"])["state"] == "rolled_back"


def test_get_release_waits_until_it_is_live(demo):
    release = demo.approve(demo.ask())
    endpoint_id = demo.endpoint()["id"]
    timer = threading.Timer(0.3, demo.site.report_live, (release, endpoint_id))
    timer.start()
    started = time.monotonic()
    answer = demo.author.get(f"/api/v1/releases/{release['number']}", params={"wait_s": 10}).json()
    timer.join()
    assert answer["state"] == "live"
    assert time.monotonic() - started < 3


def test_statement_is_never_written_over(demo):
    release = demo.release("1.0.0")
    demo.release("1.1.0")
    demo.operator.post("/api/v1/projects/demo/endpoints/mine/rollback", json={})
    with demo.site.database.engine.connect() as connection:
        query = sa.select(releases.c.statement).where(releases.c.id == release["id"])
        assert connection.execute(query).scalar_one() == release["statement"]
