"""The rules of releases, by values alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from modelyard.contracts.node_status import EndpointStatus
from modelyard.deployment.endpoints.domain import Endpoint
from modelyard.deployment.releases.domain import (
    ApprovalRequest,
    Approve,
    Fail,
    GoLive,
    KeepWaiting,
    Refuse,
    Release,
    RollBack,
    decide_approval,
    decide_report,
    decide_rollback,
    ended_state,
)
from modelyard.deployment.releases.evidence import evidence_digest
from modelyard.kernel.access import Principal

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REVIEWER = Principal("user", "us_reviewer", "reviewer")
ENDPOINT = Endpoint("ep_1", "pj_1", "demo", "mine", NOW, "author")


def make(number=1, state="pending", **more):
    fields = {
        "id": f"re_{number}", "number": number, "project_id": "pj_1", "project": "demo", "endpoint_id": "ep_1",
        "endpoint": "mine", "model": "tumour", "version": f"1.{number}.0", "version_id": f"ve_{number}",
        "version_digest": "sha256:d", "author": "author", "author_ids": ("us_author",), "requested_by_id": "us_author",
        "requested_by": "author", "requested_at": NOW, "why": "", "state": state,
    }  # fmt: skip
    if state in ("live", "superseded", "rolled_back"):
        fields |= {"statement": {"payload": ""}, "first_live_at": NOW, "targeted_at": NOW}
    return Release(**{**fields, **more})


def ask(**more):
    return ApprovalRequest(**{
        "approver": REVIEWER, "why": "fine", "digest_now": "sha256:d", "evidence_digest": "sha256:e", **more,
    })  # fmt: skip


def test_approval_by_second_person_is_granted():
    assert decide_approval(make(), ask()) == Approve()


@pytest.mark.parametrize(
    ("release", "request_", "code"),
    [
        (make(state="rejected"), ask(), "releases.not_pending"),
        (make(), ask(approver=Principal("user", "us_author", "author")), "releases.approver_is_author"),
        (make(author_ids=("us_a", "us_reviewer")), ask(), "releases.approver_is_author"),
        (make(requested_by_id="us_reviewer"), ask(), "releases.approver_is_requester"),
        (make(), ask(approver=Principal("service_account", "sa_1", "robot")), "releases.approver_is_no_person"),
        (make(), ask(approver=Principal("host", "host", "host")), "releases.approver_is_no_person"),
        (make(), ask(approver=Principal("system", "system", "system")), "releases.approver_is_no_person"),
        (make(), ask(credential_makers=frozenset({"reviewer"})), "releases.approver_made_credential"),
        (make(), ask(digest_now="sha256:other"), "releases.version_changed"),
        (make(), ask(evidence_seen="sha256:older"), "releases.evidence_changed"),
        (make(), ask(why=" "), "invalid"),
        (make(), ask(why="x" * 2001), "invalid"),
    ],
)
def test_approval_is_refused_for_its_own_reason(release, request_, code):
    decision = decide_approval(release, request_)
    assert isinstance(decision, Refuse)
    assert decision.error.code == code
    assert decision.error.detail
    assert "{" not in decision.error.detail + decision.error.next_step


def swapping(**more):
    return replace(ENDPOINT, target_release_id="re_2", target_number=7, live_release_id="re_1", **more)


TARGET = make(2, "approved", targeted_at=NOW)


@pytest.mark.parametrize(
    ("status", "number", "meaning"),
    [
        (EndpointStatus("ep_1", "live", "ve_2", "re_2", live_at="t"), 7, GoLive("t")),
        (EndpointStatus("ep_1", "live", "ve_2", "re_2", live_at="t"), 6, KeepWaiting()),
        (EndpointStatus("ep_1", "live", "ve_1", "re_1"), 7, KeepWaiting()),
        (EndpointStatus("ep_1", "live", "ve_1", "re_2"), 7, KeepWaiting()),
        (EndpointStatus("ep_1", "preparing", "ve_2", "re_2"), 7, KeepWaiting()),
        (EndpointStatus("ep_1", "live", "ve_1", "re_1", failed_release_id="re_2", problem="x"), 7, Fail("x")),
        (EndpointStatus("ep_1", "live", "ve_1", "re_1", failed_release_id="re_2", problem="x"), 6, KeepWaiting()),
        (EndpointStatus("ep_1", "failed", failed_release_id="re_9"), 7, KeepWaiting()),
    ],
)
def test_report_means_no_more_than_it_says(status, number, meaning):
    assert decide_report(swapping(), TARGET, status, number) == meaning


def test_report_of_release_decided_otherwise_changes_nothing():
    status = EndpointStatus("ep_1", "live", "ve_2", "re_2")
    assert decide_report(swapping(), make(2, "failed"), status, 9) == KeepWaiting()


def settled(number):
    return replace(ENDPOINT, target_release_id=f"re_{number}", live_release_id=f"re_{number}")


def test_rollback_passes_over_what_never_was_live_or_failed():
    known = [
        make(5, "live"), make(4, "failed", targeted_at=NOW), make(3, "superseded", first_live_at=None),
        make(2, "superseded"), make(1, "superseded"),
    ]  # fmt: skip
    assert decide_rollback(settled(5), known, None) == RollBack(known[3])


def test_rollback_twice_goes_further_back():
    known = [make(3, "rolled_back"), make(2, "live"), make(1, "superseded")]
    assert decide_rollback(settled(2), known, None) == RollBack(known[2])
    assert decide_rollback(settled(2), known, 3) == RollBack(known[0])


def test_rollback_to_what_answers_is_nothing():
    decision = decide_rollback(settled(2), [make(2, "live"), make(1, "superseded")], 2)
    assert isinstance(decision, Refuse)


def test_rollback_to_uncovered_release_is_refused():
    known = [make(2, "live"), make(1, "superseded", statement=None)]
    decision = decide_rollback(settled(2), known, 1)
    assert isinstance(decision, Refuse)
    assert decision.error.code == "releases.target_uncovered"


def test_rollback_during_first_release_has_nowhere_to_go():
    endpoint = replace(ENDPOINT, target_release_id="re_1")
    assert isinstance(decide_rollback(endpoint, [make(1, "approved", targeted_at=NOW)], None), Refuse)


def test_ended_release_is_superseded_by_later_and_rolled_back_by_earlier():
    assert ended_state(make(1), make(2)) == "superseded"
    assert ended_state(make(2), make(1)) == "rolled_back"


def test_approved_to_live_counts_from_last_aim():
    release = make(state="live", targeted_at=NOW, live_at=NOW + timedelta(milliseconds=400))
    assert release.approved_to_live_ms == 400
    assert replace(release, live_at=NOW - timedelta(seconds=1)).approved_to_live_ms is None


def test_evidence_digest_survives_a_database():
    # PostgreSQL gives 2 for 2.0 and sorts keys its own way.
    assert evidence_digest({"a": 1, "b": [2]}) == evidence_digest({"b": [2], "a": 1})
