"""The audit trail over HTTP."""

from __future__ import annotations

import csv
import io
import json


def actions(client, **filters):
    return [event["action"] for event in client.get("/api/v1/audit", params=filters).json()["items"]]


def test_every_step_of_a_release_is_recorded_with_who_and_why(demo_on_both):
    demo = demo_on_both
    demo.release("1.0.0")
    events = demo.reviewer.get("/api/v1/audit", params={"action": "deployment.release"}).json()["items"]
    assert [event["action"].rpartition(".")[2] for event in events] == ["went_live", "approved", "requested"]
    assert [event["principal_name"] for event in events] == ["local", "reviewer", "author"]
    assert [event["why"] for event in events] == ["", "AUC fine", "first"]
    assert events[0]["principal_kind"] == "node"
    seqs = [event["seq"] for event in demo.admin.get("/api/v1/audit", params={"limit": 500}).json()["items"]]
    assert seqs == list(range(len(seqs), 0, -1))


def test_audit_is_read_per_project(demo):
    demo.release("1.0.0")
    assert actions(demo.outsider, action="deployment") == []
    assert len(actions(demo.reviewer, action="deployment")) == 4
    assert actions(demo.author) == []
    auditor = demo.site.make_user(demo.admin, "auditor", is_auditor=True)
    assert len(actions(auditor, action="deployment")) == 4


def test_audit_filters_and_pages(demo):
    demo.release("1.0.0")
    assert actions(demo.reviewer, actor="author") == [
        "deployment.release.requested", "deployment.endpoint.created",
    ]  # fmt: skip
    assert actions(demo.reviewer, target="endpoint:demo/mine") == ["deployment.endpoint.created"]
    assert actions(demo.reviewer, since="2027-01-01T00:00:00Z") == []
    assert actions(demo.reviewer, project="other") == []
    assert actions(demo.admin, action="deployment_") == []
    beyond = demo.reviewer.get("/api/v1/audit", params={"since": "0001-01-01T00:00:00+14:00"})
    assert (beyond.status_code, beyond.json()["code"]) == (422, "invalid")
    first = demo.reviewer.get("/api/v1/audit", params={"limit": 2}).json()
    second = demo.reviewer.get("/api/v1/audit", params={"limit": 2, "cursor": first["next"]}).json()
    assert second["items"][0]["seq"] < first["items"][1]["seq"]
    for forged in ("bm9uZQ", "WyJhYmMiXQ", "W10", "WzFlNDAwXQ", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OTldCg"):
        assert demo.reviewer.get("/api/v1/audit", params={"cursor": forged}).status_code == 422


def test_audit_exports_are_complete_and_harmless_in_spreadsheets(demo):
    demo.operator.post("/api/v1/projects/demo/endpoints", json={"name": "mine"})
    demo.operator.post("/api/v1/projects/demo/endpoints/mine/stop", json={"why": "=HYPERLINK(1)"})
    lines = demo.reviewer.get("/api/v1/audit/export", params={"format": "jsonl"}).text.splitlines()
    records = [json.loads(line) for line in lines]
    assert records[-1]["why"] == "=HYPERLINK(1)"
    answer = demo.reviewer.get("/api/v1/audit/export", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == len(records)
    assert rows[-1]["why"] == "'=HYPERLINK(1)"
    assert demo.author.get("/api/v1/audit/export").text == ""


def test_integrity_is_for_those_who_read_everything(demo):
    demo.release("1.0.0")
    found = demo.admin.get("/api/v1/audit/integrity").json()
    assert (found["intact"], found["first_bad_seq"]) == (True, None)
    assert found["events"] > 5
    assert demo.reviewer.get("/api/v1/audit/integrity").status_code == 403
