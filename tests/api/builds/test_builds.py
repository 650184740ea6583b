"""A push from files to a version, and everything that can go wrong on the way."""

from __future__ import annotations

import time

import pytest
from tests.support.builds import FILES, MANIFEST, BuildsApplication, check_result, digest


def test_push_builds_a_version_with_everything_known_about_it(site_on_both: BuildsApplication) -> None:
    site = site_on_both
    build = site.push(git={"commit": "ab" * 20, "dirty": True, "diff_digest": "", "remote": "r"})
    assert (build["state"], build["version"], build["unchanged"]) == ("succeeded", "1.0.0", False), build
    assert [(step["name"], step["state"]) for step in build["steps"]] == [
        (name, "succeeded") for name in ("fetch", "lock", "environment", "check", "record")
    ]
    version = site.author.get("/api/v1/projects/demo/models/mine/versions/latest").json()
    assert version["digest"] == build["digest"]
    assert version["metrics"] == {"auc": 0.9}
    assert version["packages"][0]["licence"] == "BSD-3-Clause"
    assert version["data"]["training"]["profile"]["rows"] == 2
    assert version["git"]["commit"] == "ab" * 20
    assert version["sample"] == [{"area": 2.0}]
    assert version["sample_output"] == [{"label": "benign"}]
    assert version["created_by"] == "author"
    in_document = {file["path"] for file in version["files"] if file["in_document"]}
    assert in_document == {"model.py", "model.bin", "train.py"}
    assert [file["path"] for file in version["document"]["files"]] == ["model.bin", "model.py", "train.py"]


def test_push_same_again_gives_same_version_and_skips_lock_and_environment(site: BuildsApplication) -> None:
    first = site.push()
    started = time.perf_counter()
    second = site.push()
    seconds = time.perf_counter() - started
    assert second["digest"] == first["digest"]
    assert (second["version"], second["unchanged"]) == ("1.0.0", True)
    assert [job.kind for job in site.node.jobs] == ["lock", "materialize", "check", "check"]
    details = {step["name"]: step["detail"] for step in second["steps"]}
    assert (details["lock"], details["environment"]) == ("lock reused", "environment reused")
    print(f"push with the environment cached: {seconds:.3f} s")


def test_push_changed_code_gives_next_patch(site: BuildsApplication) -> None:
    site.push()
    changed = site.push({**FILES, "model.py": b"class Tumour:\n    x = 1\n"})
    assert (changed["version"], changed["unchanged"]) == ("1.0.1", False)


def test_push_taken_number_with_other_content_fails_and_changes_nothing(site: BuildsApplication) -> None:
    numbered = MANIFEST.replace('name = "mine"\n', 'name = "mine"\nversion = "2.0.0"\n')
    assert site.push(manifest=numbered)["state"] == "succeeded"
    build = site.push({**FILES, "model.py": b"other"}, manifest=numbered)
    assert build["state"] == "failed"
    assert build["error"]["code"] == "versions.number_taken"
    assert "2.0.1" in build["error"]["hint"]
    versions = site.author.get("/api/v1/projects/demo/models/mine/versions").json()["items"]
    assert [version["version"] for version in versions] == ["2.0.0"]


def test_check_job_gets_files_examples_and_tests(site: BuildsApplication) -> None:
    site.push()
    job = site.node.jobs[-1]
    assert job.kind == "check"
    assert job.inputs["examples"] == [{"input": {"area": 2.0}, "expect": {"label": "benign"}}]
    assert job.inputs["tests"] == {"paths": ["tests"]}
    paths = [file["path"] for file in job.inputs["files"]]
    assert paths == ["model.bin", "model.py", "tests/test_model.py", "train.py"]


def test_manifest_fault_is_told_at_once_with_its_place(site: BuildsApplication) -> None:
    answer = site.start(manifest=MANIFEST.replace("[schema]", "[scheme]"))
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "manifest.unknown_key"
    assert problem["params"]["line"] == 11
    assert site.author.get("/api/v1/projects/demo/builds").json()["items"] == []


def test_file_not_uploaded_is_refused(site: BuildsApplication) -> None:
    entries = site.upload(FILES)
    entries.append({"path": "more.py", "digest": "sha256:" + "0" * 64, "size_bytes": 3})
    body = {"source": {"kind": "upload", "manifest": MANIFEST, "files": entries}}
    answer = site.author.post("/api/v1/projects/demo/builds", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "builds.files_missing")


def test_named_file_absent_is_refused(site: BuildsApplication) -> None:
    answer = site.start({path: content for path, content in FILES.items() if path != "model.py"})
    assert (answer.status_code, answer.json()["code"]) == (422, "builds.file_absent")


def test_cell_failure_is_passed_on_with_code_message_and_hint(site: BuildsApplication) -> None:
    failure = {
        "code": "builds.local_module",
        "message": "No {braces} here.",
        "hint": "files=",
        "details": {"traceback": "T"},
    }
    site.node.answers["check"] = lambda _: {"failure": failure}
    build = site.push()
    assert build["state"] == "failed"
    error = build["error"]
    assert (error["code"], error["detail"], error["hint"]) == ("builds.local_module", "No {braces} here.", "files=")
    assert error["params"]["traceback"] == "T"
    assert site.author.get("/api/v1/projects/demo/models").json()["items"] == []


def test_retry_goes_on_at_the_failed_step(site: BuildsApplication) -> None:
    site.node.answers["check"] = lambda _: {"failure": {"code": "builds.tests_failed", "message": "no", "hint": ""}}
    build = site.push()
    assert build["state"] == "failed"
    site.node.answers["check"] = lambda _: {"result": check_result()}
    answer = site.author.post(f"/api/v1/builds/{build['number']}/retry")
    assert answer.status_code == 202
    again = site.wait(build["number"])
    assert (again["state"], again["attempt"], again["version"]) == ("succeeded", 2, "1.0.0")
    assert [job.kind for job in site.node.jobs] == ["lock", "materialize", "check", "check"]
    assert site.author.post(f"/api/v1/builds/{build['number']}/retry").json()["code"] == "builds.not_retriable"


def test_cancel_ends_the_build_and_ignores_its_cell(site: BuildsApplication) -> None:
    site.node.answers["check"] = lambda _: None
    number = site.start().json()["number"]
    while not any(job.kind == "check" for job in site.node.jobs):
        time.sleep(0.02)
    answer = site.author.post(f"/api/v1/builds/{number}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    job = site.node.jobs[-1]
    late = site.node.post(f"/node/v1/jobs/{job.job_id}/result", {"job_id": job.job_id, "result": check_result()})
    assert (late.status_code, late.json()) == (200, {"accepted": False})
    time.sleep(0.5)
    assert site.wait(number)["state"] == "cancelled"
    assert site.author.get("/api/v1/projects/demo/models").json()["items"] == []
    assert site.author.post(f"/api/v1/builds/{number}/cancel").json()["code"] == "builds.ended"
    assert site.author.post(f"/api/v1/builds/{number}/retry").status_code == 202


def test_events_hold_steps_log_and_end_in_order(site: BuildsApplication) -> None:
    number = site.push()["number"]
    events = site.events(number)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [e["data"]["step"] for e in events if e["event"] == "step" and e["data"]["state"] == "succeeded"] == [
        "fetch", "lock", "environment", "check", "record",
    ]  # fmt: skip
    assert {"step": "check", "line": "doing check"} in [e["data"] for e in events if e["event"] == "log"]
    assert events[-1]["event"] == "done"
    assert events[-1]["data"]["version"] == "1.0.0"


def test_event_stream_resumes_after_last_event_id(site: BuildsApplication) -> None:
    number = site.push()["number"]
    last = len(site.events(number))
    answer = site.author.get(f"/api/v1/builds/{number}/events", headers={"last-event-id": str(last - 1)})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("event: ") == 1
    assert f"id: {last}\nevent: done\n" in answer.text


def test_same_idempotency_key_gives_same_build_and_other_body_is_refused(site: BuildsApplication) -> None:
    headers = {"idempotency-key": "k1"}
    first, second = (site.start(headers=headers) for _ in range(2))
    assert first.json()["number"] == second.json()["number"]
    assert site.start(manifest=MANIFEST + "\n", headers=headers).status_code == 409
    site.wait(first.json()["number"])


def test_build_of_another_project_looks_like_none(site: BuildsApplication) -> None:
    number = site.push()["number"]
    stranger = site.clients["stranger"]
    theirs, none = stranger.get(f"/api/v1/builds/{number}"), stranger.get("/api/v1/builds/999")
    assert theirs.status_code == none.status_code == 404
    assert theirs.json()["code"] == none.json()["code"] == "builds.not_found"
    assert stranger.get("/api/v1/projects/demo/builds").status_code == 404


def test_reader_may_look_but_not_push_cancel_or_retry(site: BuildsApplication) -> None:
    number = site.push()["number"]
    reader = site.clients["reader"]
    assert reader.get(f"/api/v1/builds/{number}").status_code == 200
    body = {"source": {"kind": "upload", "manifest": MANIFEST, "files": []}}
    assert reader.post("/api/v1/projects/demo/builds", json=body).status_code == 403
    assert reader.post(f"/api/v1/builds/{number}/cancel").status_code == 403
    assert reader.post(f"/api/v1/builds/{number}/retry").status_code == 403
    blob = b"x"
    assert reader.put(f"/api/v1/projects/demo/blobs/{digest(blob)}", content=blob).status_code == 403


def test_unreadable_metrics_fail_the_build_with_a_hint(site: BuildsApplication) -> None:
    build = site.push({**FILES, "metrics.json": b'{"auc": "good"}'})
    assert (build["state"], build["error"]["code"]) == ("failed", "builds.metrics_unreadable")
    assert '{"auc": 0.99}' in build["error"]["hint"]


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999"])
def test_sample_with_a_number_that_is_none_fails_the_build(site: BuildsApplication, number: bytes) -> None:
    """Kept, it would stop every desired state that names the version, and with it every revocation."""
    build = site.push({**FILES, "row.json": b'[{"x": ' + number + b'}, {"x": 1.0}]'})
    assert (build["state"], build["error"]["code"]) == ("failed", "builds.sample_unreadable")


def test_nul_and_lone_surrogates_from_a_cell_or_client_break_nothing(site_on_both: BuildsApplication) -> None:
    site = site_on_both
    tests = {"passed": 1, "failed": 0, "skipped": 0, "output": "a\0b"}
    site.node.answers["check"] = lambda _: {"result": check_result(tests=tests, sample_output=[{"label": "\0"}])}
    build = site.push(manifest=MANIFEST.replace("Tumour triage", "Tumour\\u0000triage"), client={"name": "x\0"})
    assert build["state"] == "succeeded", build
    assert site.author.get("/api/v1/projects/demo/models/%00").status_code == 404
    assert site.author.get("/api/v1/projects/demo/models", params={"q": "\0"}).status_code == 200
    assert site.author.get("/api/v1/projects/demo/models/mine/versions/@%00").status_code == 404


def test_manifest_without_declared_files_still_versions_the_code(site: BuildsApplication) -> None:
    manifest = MANIFEST.replace('files = ["model.bin"]\n', "")
    build = site.push(manifest=manifest)
    version = site.author.get(f"/api/v1/projects/demo/models/mine/versions/{build['version']}").json()
    assert [file["path"] for file in version["document"]["files"]] == ["model.py", "train.py"]
