"""Endpoints: limits, the stop button, documents for callers, trying, logs, nodes."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from modelyard.contracts.node_status import EndpointStatus

URL = "/api/v1/projects/demo/endpoints"


def test_create_endpoint_twice_conflicts(demo):
    made = demo.operator.post(URL, json={"name": "mine", "requests_per_s": 5})
    assert made.status_code == 201, made.text
    assert (made.json()["phase"], made.json()["limits"]["requests_per_s"]) == ("empty", 5)
    again = demo.operator.post(URL, json={"name": "mine"})
    assert (again.status_code, again.json()["code"]) == (409, "endpoints.name_taken")
    assert demo.operator.post(URL, json={"name": "No Name"}).status_code == 422
    assert demo.author.post(URL, json={"name": "more"}).status_code == 403


def test_limits_with_stale_etag_are_refused(demo):
    demo.operator.post(URL, json={"name": "mine"})
    etag = demo.operator.get(f"{URL}/mine").headers["etag"]
    edit = {"requests_per_s": 5}
    first = demo.operator.put(f"{URL}/mine/limits", json=edit, headers={"if-match": etag})
    assert first.status_code == 200
    assert first.headers["etag"] != etag
    stale = demo.operator.put(f"{URL}/mine/limits", json={"requests_per_s": 6}, headers={"if-match": etag})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_edit")
    assert demo.operator.get(f"{URL}/mine").json()["limits"]["requests_per_s"] == 5


@pytest.mark.parametrize("limits", [{"requests_per_s": -1}, {"timeout_s": 0}, {"body_bytes_max": 10}, {"more": 1}])
def test_limits_out_of_bounds_are_refused(demo, limits):
    demo.operator.post(URL, json={"name": "mine"})
    assert demo.operator.put(f"{URL}/mine/limits", json=limits).status_code == 422


def test_stop_and_start_are_recorded_once_each(demo):
    demo.operator.post(URL, json={"name": "mine"})
    for _ in range(2):
        assert demo.operator.post(f"{URL}/mine/stop", json={"why": "incident 7"}).json()["phase"] == "stopped"
    assert demo.operator.post(f"{URL}/mine/start").json()["stopped"] is False
    events = demo.operator.get("/api/v1/audit", params={"action": "deployment.endpoint"}).json()["items"]
    assert [event["action"].rpartition(".")[2] for event in events] == ["started", "stopped", "created"]
    assert events[1]["why"] == "incident 7"


def test_endpoint_of_other_project_looks_like_none(demo):
    demo.operator.post(URL, json={"name": "mine"})
    foreign, missing = demo.outsider.get(f"{URL}/mine"), demo.outsider.get(f"{URL}/none")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["code"] == missing.json()["code"]


def test_endpoint_shows_what_the_node_says(demo):
    release = demo.release("1.0.0")
    shown = demo.endpoint()
    assert (shown["phase"], shown["live"]["release_number"]) == ("live", release["number"])
    status = EndpointStatus(shown["id"], "failed", release["version_id"], release["id"], problem="killed: memory")
    demo.site.report(status)
    assert (demo.endpoint()["phase"], demo.endpoint()["problem"]) == ("failed", "killed: memory")
    listed = demo.author.get(URL).json()["items"]
    assert [(item["name"], item["phase"]) for item in listed] == [("mine", "failed")]
    demo.site.report()
    assert demo.endpoint()["phase"] == "preparing"


def test_report_of_unknown_endpoint_is_passed_over(demo):
    demo.site.report(EndpointStatus("ep_made_up", "live", "ve_x", "re_x"))
    assert demo.author.get(URL).json()["items"] == []


def test_openapi_of_endpoint_has_typed_rows_and_code(demo):
    demo.release("1.0.0")
    document = demo.author.get(f"{URL}/mine/openapi").json()
    assert document["openapi"] == "3.1.0"
    operation = document["paths"]["/v2/models/demo.mine/predict"]["post"]
    assert document["components"]["schemas"]["Row"]["properties"]["x"] == {"type": "number", "format": "double"}
    assert operation["requestBody"]["content"]["application/json"]["example"] == {"rows": [{"x": 1.5}]}
    assert [sample["label"] for sample in operation["x-codeSamples"]] == ["curl", "Python", "JavaScript", "Java"]


def test_openapi_before_anything_is_live_is_not_ready(demo):
    demo.operator.post(URL, json={"name": "mine"})
    answer = demo.author.get(f"{URL}/mine/openapi")
    assert (answer.status_code, answer.json()["code"]) == (503, "endpoints.not_live")


def test_snippets_are_programs(demo, tmp_path):
    demo.release("1.0.0")
    snippets = {item["label"]: item["source"] for item in demo.author.get(f"{URL}/mine/snippets").json()["items"]}
    compile(snippets["Python"], "snippet.py", "exec")
    assert subprocess.run(["sh", "-n"], input=snippets["curl"].encode(), check=False).returncode == 0
    if shutil.which("node"):
        (tmp_path / "snippet.mjs").write_text(snippets["JavaScript"])
        assert subprocess.run(["node", "--check", tmp_path / "snippet.mjs"], check=False).returncode == 0
    assert "http://127.0.0.1:8800/v2/models/demo.mine/predict" in snippets["Java"]


def test_try_goes_through_the_gateway_as_oneself(demo):
    demo.release("1.0.0")
    answer = demo.author.post(f"{URL}/mine/try", json={"rows": [{"x": 1.0}]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["body"] == {"predictions": [{}]}
    path, rows, token = demo.site.gateway.asked[0]
    assert (path, rows) == ("/v2/models/demo.mine", [{"x": 1.0}])
    # The token is good for predictions only.
    assert demo.site.client(token).get("/api/v1/me").status_code == 401


def test_try_without_permission_asks_nobody(demo):
    demo.release("1.0.0")
    assert demo.outsider.post(f"{URL}/mine/try", json={"rows": [{"x": 1.0}]}).status_code == 404
    assert demo.site.gateway.asked == []


def test_logs_are_the_live_versions(demo):
    demo.release("1.0.0")
    demo.site.node.log_lines = ["one", "two", "three"]
    assert demo.author.get(f"{URL}/mine/logs", params={"tail": 2}).json() == {"lines": ["two", "three"]}


def test_logs_without_a_node_say_so(demo):
    demo.release("1.0.0")
    demo.site.clock.advance(minutes=2)
    answer = demo.author.get(f"{URL}/mine/logs")
    assert (answer.status_code, answer.json()["code"]) == (503, "nodes.none_to_ask")


def test_nodes_are_shown_to_administrators(demo):
    demo.site.report()
    (node,) = demo.admin.get("/api/v1/nodes").json()["items"]
    assert (node["name"], node["state"]) == ("local", "ready")
    demo.site.clock.advance(minutes=1)
    assert demo.admin.get("/api/v1/nodes").json()["items"][0]["state"] == "silent"
    assert demo.author.get("/api/v1/nodes").status_code == 403
