"""From a prediction to everybody and everything behind it."""

from __future__ import annotations

PREDICTION = "pr_0f3c0000-0000-4000-8000-000000000000"
URL = f"/api/v1/predictions/{PREDICTION}/lineage"


def predict(demo, release, caller_id, token_id, **more):
    demo.site.node.records[PREDICTION] = {
        "prediction_id": PREDICTION, "time": "2026-11-23T12:00:00.000Z", "kind": "endpoint", "status": 200,
        "caller": caller_id, "token_id": token_id, "endpoint": "demo.mine", "version_id": release["version_id"],
        "release_id": release["id"], "path": "/v2/models/demo.mine/predict", "total_us": 6100, "model_us": 4000,
        "peer": "127.0.0.1", **more,
    }  # fmt: skip


def pair(demo):
    pairing = {"caller": "clinic-app", "endpoint": "mine", "purpose": "triage"}
    allowed = demo.owner.post("/api/v1/projects/demo/pairings", json=pairing).json()
    body = {"principal": "clinic-app", "name": "app", "days": 1}
    token = demo.owner.post("/api/v1/projects/demo/tokens", json=body).json()
    with demo.site.database.reading() as uow:
        caller_id = demo.site.identity.tokens.find(uow, token["jti"]).principal_id
    return allowed, token, caller_id


def test_lineage_of_prediction_names_everyone(demo):
    release = demo.release("1.0.0")
    _, token, caller_id = pair(demo)
    predict(demo, release, caller_id, token["jti"])
    answer = demo.author.get(URL)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["caller"]["name"], found["caller"]["purpose"]) == ("clinic-app", "triage")
    assert (found["release"]["approved_by"], found["release"]["approve_why"]) == ("reviewer", "AUC fine")
    assert found["release"]["statement"] == release["statement"]
    assert (found["version"]["author"], found["version"]["digest"]) == ("author", release["version_digest"])
    assert found["code"][0]["path"] == "model.py"
    assert found["environment"]["lock_digest"].startswith("sha256:")
    assert found["prediction"]["total_ms"] == 6.1
    assert found["chain"] == "model.py → build 1 → release 1"
    assert "clinic-app called demo/mine" in found["sentence"]


def test_lineage_after_caller_was_denied_still_says_why(demo):
    release = demo.release("1.0.0")
    allowed, token, caller_id = pair(demo)
    predict(demo, release, caller_id, token["jti"])
    pairing_id = allowed.get("id") or allowed["pairing"]["id"]
    assert demo.owner.delete(f"/api/v1/projects/demo/pairings/{pairing_id}").status_code < 300
    assert demo.author.get(URL).json()["caller"]["purpose"] == "triage"


def test_lineage_of_foreign_prediction_looks_like_none(demo):
    release = demo.release("1.0.0")
    predict(demo, release, "us_x", "tk_x")
    foreign = demo.outsider.get(URL)
    missing = demo.outsider.get("/api/v1/predictions/pr_unknown/lineage")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json()["code"] == missing.json()["code"] == "lineage.prediction_not_found"


def test_lineage_of_refused_call_is_nobodys(demo):
    release = demo.release("1.0.0")
    predict(demo, release, "us_x", "tk_x", version_id="-", release_id="-", status=404)
    assert demo.author.get(URL).status_code == 404


def test_lineage_of_preview_has_no_release(demo):
    version = demo.site.register("demo", number="1.0.0", by=demo.author)
    demo.site.report()
    predict(demo, {"version_id": version.id, "id": "-"}, "us_x", "-", kind="preview")
    found = demo.author.get(URL).json()
    assert found["release"] is None
    assert found["chain"] == "model.py → build 1"


def test_lineage_of_version_and_endpoint_need_no_prediction(demo):
    git = {"commit": "3f1cabcdef", "dirty": True, "diff_digest": "sha256:x", "remote": ""}
    demo.site.register("demo", number="2.0.0", by=demo.author, git=git)
    found = demo.author.get("/api/v1/projects/demo/models/tumour/versions/2.0.0/lineage").json()
    assert found["chain"] == "model.py@3f1c+diff → build 1"
    demo.release("1.0.0")
    found = demo.author.get("/api/v1/projects/demo/endpoints/mine/lineage").json()
    assert found["release"]["approved_by"] == "reviewer"
    assert demo.outsider.get("/api/v1/projects/demo/endpoints/mine/lineage").status_code == 404
