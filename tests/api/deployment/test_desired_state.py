"""What a node is told: who may call, what covers it, when it changes; and that rendering never signs for anything."""

from __future__ import annotations

import threading
import time

from modelyard.contracts.desired_state import RevokedToken
from modelyard.contracts.statements import IN_TOTO_PAYLOAD, Envelope, ReleaseStatement
from modelyard.deployment.endpoints.tables import endpoints
from modelyard.deployment.releases.tables import releases
from modelyard.trust.attestations import verify


def test_state_after_release_has_split_version_and_callers(demo_on_both):
    demo = demo_on_both
    release = demo.release("1.0.0")
    demo.owner.post(
        "/api/v1/projects/demo/pairings", json={"caller": "clinic-app", "endpoint": "mine", "purpose": "triage"}
    )
    state = demo.site.fetch_state()
    (endpoint,) = state.endpoints
    assert (endpoint.splits[0].release_id, endpoint.splits[0].traffic_percent) == (release["id"], 100)
    assert [version.version_id for version in state.versions] == [release["version_id"]]
    assert state.versions[0].sample == [{"x": 1.5}]
    purposes = {caller.name: caller.purpose for caller in endpoint.callers}
    assert purposes == {
        "clinic-app": "triage", "author": "try it", "reviewer": "try it", "owner": "try it", "operator": "try it",
        "probe": "probe",
    }  # fmt: skip
    assert state.probe_token
    assert state.token_keys == demo.site.keys.token_jwks()


def test_state_of_version_timeout_follows_manifest_unless_set(demo):
    demo.release("1.0.0")
    assert demo.site.fetch_state().endpoints[0].timeout_s == 2.0
    demo.operator.put("/api/v1/projects/demo/endpoints/mine/limits", json={"timeout_s": 0.5, "requests_per_s": 7})
    (endpoint,) = demo.site.fetch_state().endpoints
    assert (endpoint.timeout_s, endpoint.requests_per_s) == (0.5, 7)


def test_state_keeps_predecessor_on_standby(demo):
    first = demo.release("1.0.0")
    second = demo.approve(demo.ask("1.1.0"))
    (endpoint,) = demo.site.fetch_state().endpoints
    assert [split.release_id for split in endpoint.splits] == [second["id"]]
    assert [split.release_id for split in endpoint.standby] == [first["id"]]
    demo.site.report_live(second, endpoint.endpoint_id)
    (endpoint,) = demo.site.fetch_state().endpoints
    assert [split.release_id for split in endpoint.standby] == [first["id"]]


def test_pending_release_is_not_in_state(demo):
    demo.ask()
    assert demo.site.fetch_state().endpoints == ()


def test_number_rises_with_each_change_and_stays_without(demo):
    demo.release("1.0.0")
    first = demo.site.fetch_state()
    assert demo.site.fetch_state().number == first.number
    demo.operator.post("/api/v1/projects/demo/endpoints/mine/stop", json={"why": "incident"})
    second = demo.site.fetch_state()
    assert second.number > first.number
    assert second.endpoints[0].stopped is True
    waiting = demo.site.node_client().get("/node/v1/desired-state", params={"after": second.number, "wait_s": 0})
    assert waiting.status_code == 204


def test_number_after_restore_rises_above_what_node_has(demo):
    demo.release("1.0.0")
    node_has = demo.site.fetch_state().number + 100
    assert demo.site.fetch_state(after=node_has).number == node_has + 1


def test_lease_is_renewed_at_half(demo):
    demo.release("1.0.0")
    first = demo.site.fetch_state()
    demo.site.clock.advance(minutes=29)
    assert demo.site.fetch_state().number == first.number
    demo.site.clock.advance(minutes=2)
    renewed = demo.site.fetch_state(after=first.number)
    assert renewed.number == first.number + 1
    assert renewed.expires_at > first.expires_at


def test_new_process_renews_at_first_question(demo):
    demo.release("1.0.0")
    first = demo.site.fetch_state()
    states = demo.site.deployment.desired_state
    fresh = type(states)(
        demo.site.database, demo.site.clock, demo.site.keys.installation, demo.site.keys.order, states._sources,
        demo.site.deployment.changes,
    )  # fmt: skip
    assert fresh.newest().number == first.number + 1


def test_revoked_token_reaches_waiting_node_at_once(demo):
    demo.release("1.0.0")
    demo.owner.post(
        "/api/v1/projects/demo/pairings", json={"caller": "clinic-app", "endpoint": "mine", "purpose": "triage"}
    )
    body = {"principal": "clinic-app", "name": "x", "days": 1}
    token = demo.owner.post("/api/v1/projects/demo/tokens", json=body).json()
    before = demo.site.fetch_state().number
    told: list[float] = []

    def wait() -> None:
        answer = demo.site.node_client().get("/node/v1/desired-state", params={"after": before, "wait_s": 10})
        assert answer.status_code == 200
        told.append(time.monotonic())

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.3)
    demo.owner.delete(f"/api/v1/projects/demo/tokens/{token['jti']}")
    revoked = time.monotonic()
    waiter.join()
    assert told[0] - revoked < 2
    assert RevokedToken(token["jti"], token["expires_at"]) in demo.site.fetch_state().revoked


def test_member_removed_loses_the_endpoint(demo):
    demo.release("1.0.0")
    demo.owner.delete("/api/v1/projects/demo/members/operator")
    names = {caller.name for caller in demo.site.fetch_state().endpoints[0].callers}
    assert "operator" not in names


def test_edited_release_is_rendered_with_the_statement_that_was_signed(demo):
    # A hand in the database names another version: the state says so, but its statement does not cover it.
    release = demo.release("1.0.0")
    other = demo.site.register("demo", number="6.6.6", by=demo.author)
    demo.site.fetch_state()
    with demo.site.database.engine.begin() as connection:
        connection.execute(releases.update().values(version_id=other.id, version_digest=other.digest))
    demo.operator.put("/api/v1/projects/demo/endpoints/mine/limits", json={"requests_per_s": 1})
    state = demo.site.fetch_state()
    split = state.endpoints[0].splits[0]
    assert split.version_id == other.id
    assert split.statement == release["statement"]
    statement = ReleaseStatement.from_payload(Envelope.from_json(split.statement).payload_json())
    shown = next(version for version in state.versions if version.version_id == other.id)
    assert statement.version_digest != shown.digest
    assert statement.version_id != split.version_id


def test_edited_target_without_approval_is_rendered_without_a_statement(demo):
    demo.release("1.0.0")
    pending = demo.ask("1.1.0")
    with demo.site.database.engine.begin() as connection:
        connection.execute(endpoints.update().values(target_release_id=pending["id"]))
    demo.operator.put("/api/v1/projects/demo/endpoints/mine/limits", json={"requests_per_s": 1})
    split = demo.site.fetch_state().endpoints[0].splits[0]
    assert (split.release_id, split.statement) == (pending["id"], {})


def test_renderer_holds_no_release_key(demo):
    # Whatever it signs is signed with the order key, which nodes accept for no statement.
    states = demo.site.deployment.desired_state
    demo.release("1.0.0")
    assert states._order_key is demo.site.keys.order
    envelope = Envelope.from_json(demo.site.node_client().get("/node/v1/desired-state?wait_s=0").json())
    assert {signature.keyid for signature in envelope.signatures} == {demo.site.keys.order.key_id}
    statement = Envelope.from_json(demo.site.fetch_state().endpoints[0].splits[0].statement)
    verify(statement, IN_TOTO_PAYLOAD, demo.site.keys.release_keys())


def test_preview_is_for_its_asker_until_it_ends(demo_on_both):
    demo = demo_on_both
    version = demo.site.register("demo", number="1.0.0", by=demo.author)
    url = "/api/v1/projects/demo/models/tumour/versions/1.0.0/preview"
    granted = demo.reviewer.post(url)
    assert granted.status_code == 201, granted.text
    assert granted.json()["path"] == "/preview/v2/models/demo.tumour/versions/1.0.0"
    demo.author.post(url, json={"minutes": 30})
    (preview,) = demo.site.fetch_state().previews
    assert preview.version_id == version.id
    assert sorted(caller.name for caller in preview.callers) == ["author", "reviewer"]
    verify(Envelope.from_json(preview.statement), IN_TOTO_PAYLOAD, demo.site.keys.release_keys())
    before = demo.site.fetch_state().number
    demo.site.clock.advance(minutes=31)
    state = demo.site.fetch_state(after=before)
    assert [caller.name for caller in state.previews[0].callers] == ["reviewer"]
    demo.site.clock.advance(minutes=30)
    assert demo.site.fetch_state(after=state.number).previews == ()


def test_preview_ends_with_the_role(demo):
    demo.site.register("demo", number="1.0.0", by=demo.author)
    demo.reviewer.post("/api/v1/projects/demo/models/tumour/versions/1.0.0/preview")
    assert len(demo.site.fetch_state().previews) == 1
    demo.owner.delete("/api/v1/projects/demo/members/reviewer")
    assert demo.site.fetch_state().previews == ()


def test_preview_longer_than_a_day_is_refused(demo):
    demo.site.register("demo", number="1.0.0", by=demo.author)
    url = "/api/v1/projects/demo/models/tumour/versions/1.0.0/preview"
    assert demo.reviewer.post(url, json={"minutes": 1441}).status_code == 422


def test_preview_by_operator_is_denied_and_by_outsider_not_found(demo):
    demo.site.register("demo", number="1.0.0", by=demo.author)
    url = "/api/v1/projects/demo/models/tumour/versions/1.0.0/preview"
    assert demo.operator.post(url).status_code == 403
    assert demo.outsider.post(url).status_code == 404
