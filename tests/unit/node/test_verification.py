"""What a node believes and what not, without any process."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelyard.contracts.canonical import canonical_json
from modelyard.contracts.cell_job import CellJob
from modelyard.contracts.desired_state import (
    CallerState,
    DesiredState,
    EndpointState,
    PreviewState,
    SplitState,
    VersionState,
)
from modelyard.contracts.statements import (
    CELL_JOB_PAYLOAD,
    DESIRED_STATE_PAYLOAD,
    IN_TOTO_PAYLOAD,
    PreviewStatement,
    ReleaseStatement,
)
from modelyard.contracts.version_document import Entry, EnvironmentRef, ModelSchema, VersionDocument
from modelyard.infra.crypto.ed25519 import SigningKey
from modelyard.kernel.clock import to_rfc3339
from modelyard.node.verification import (
    CellJobRefused,
    DesiredStateRefused,
    Refused,
    check_preview,
    check_release,
    read_cell_job,
    read_desired_state,
)
from modelyard.trust.attestations import sign
from modelyard.trust.keys import NodeTrust

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RELEASE_KEY, ORDER_KEY, OTHER_KEY = (SigningKey.generate() for _ in range(3))
TRUST = NodeTrust("in_1", "no_1", RELEASE_KEY.public_bytes, ORDER_KEY.public_bytes)
DOCUMENT = VersionDocument(
    (), EnvironmentRef("3.11", "sha256:" + "0" * 64), Entry("python", "m:M"), ModelSchema((), ())
)
VERSION = VersionState("ve_1", "demo", "pj_1", "model", "1.0.0", DOCUMENT.digest, DOCUMENT.to_json())
CALLERS = (CallerState("sa_1", "app", "test"),)


def released(key: SigningKey = RELEASE_KEY, payload_type: str = IN_TOTO_PAYLOAD, **changes: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "installation": "in_1", "project": "demo", "endpoint": "one", "endpoint_id": "ep_1", "release_id": "re_1",
        "release_number": 1, "model": "model", "version": "1.0.0", "version_id": "ve_1",
        "version_digest": DOCUMENT.digest, "author": "a", "approver": "b", "why": "", "approved_at": to_rfc3339(NOW),
        "evidence_digest": "", **changes,
    }  # fmt: skip
    return sign(payload_type, ReleaseStatement(**facts).to_payload(), key).to_json()


def previewed(life: timedelta = timedelta(hours=1), issued: datetime = NOW, **changes: str) -> PreviewState:
    facts: dict[str, Any] = {
        "installation": "in_1", "project": "demo", "model": "model", "version": "1.0.0", "version_id": "ve_1",
        "version_digest": DOCUMENT.digest, "requested_by": "a", "issued_at": to_rfc3339(issued),
        "expires_at": to_rfc3339(issued + life), **changes,
    }  # fmt: skip
    envelope = sign(IN_TOTO_PAYLOAD, PreviewStatement(**facts).to_payload(), RELEASE_KEY).to_json()
    return PreviewState("ve_1", "demo", "model", "1.0.0", CALLERS, envelope, facts["expires_at"])


def endpoint_with(statement: dict[str, Any]) -> tuple[EndpointState, SplitState]:
    split = SplitState("ve_1", "re_1", 1, 100, statement)
    return EndpointState("ep_1", "demo", "pj_1", "one", (split,), CALLERS), split


def test_release_of_this_version_at_this_endpoint_passes() -> None:
    check_release(*endpoint_with(released()), VERSION, TRUST)


@pytest.mark.parametrize(
    "statement",
    [
        released(OTHER_KEY),
        released(ORDER_KEY),
        released(payload_type=DESIRED_STATE_PAYLOAD),
        released(installation="in_2"),
        released(project="other"),
        released(endpoint="two"),
        released(endpoint_id="ep_2"),
        released(version_id="ve_2"),
        released(version_digest="sha256:" + "1" * 64),
        previewed().statement,
        {"payloadType": IN_TOTO_PAYLOAD},
        {},
    ],
)
def test_release_statement_that_does_not_cover_is_refused(statement: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        check_release(*endpoint_with(statement), VERSION, TRUST)


def test_release_of_changed_document_is_refused() -> None:
    changed = replace(VERSION, document={**VERSION.document, "preload": ["os"]})
    with pytest.raises(Refused, match="its document has digest"):
        check_release(*endpoint_with(released()), changed, TRUST)


def test_preview_within_its_day_passes_and_says_its_end() -> None:
    assert check_preview(previewed(), VERSION, TRUST, NOW) == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    "preview",
    [
        previewed(issued=NOW - timedelta(hours=1)),
        previewed(life=timedelta(hours=25)),
        previewed(issued=NOW + timedelta(days=2)),
        previewed(project="other"),
        previewed(version_id="ve_2"),
        previewed(expires_at="soon"),
        replace(previewed(), statement=released()),
    ],
)
def test_preview_expired_too_long_or_of_something_else_is_refused(preview: PreviewState) -> None:
    with pytest.raises(Refused):
        check_preview(preview, VERSION, TRUST, NOW)


def desired(number: int = 5, key: SigningKey = ORDER_KEY, **changes: Any) -> dict[str, Any]:
    state = DesiredState("in_1", number, to_rfc3339(NOW), to_rfc3339(NOW), {}, "")
    return sign(DESIRED_STATE_PAYLOAD, canonical_json({**state.to_json(), **changes}), key).to_json()


def test_desired_state_of_equal_or_higher_number_is_read() -> None:
    assert read_desired_state(desired(5), TRUST, 5).number == 5
    assert read_desired_state(desired(6), TRUST, 5).number == 6


@pytest.mark.parametrize(
    "envelope",
    [
        desired(4),
        desired(key=RELEASE_KEY),
        desired(installation="in_2"),
        desired(format="modelyard-desired-state/9"),
        desired(expires_at="never"),
        desired(versions=3),
        {},
        None,
        [],
    ],
)
def test_desired_state_older_or_not_ours_is_refused(envelope: Any) -> None:
    with pytest.raises(DesiredStateRefused):
        read_desired_state(envelope, TRUST, 5)


def job(key: SigningKey = ORDER_KEY, **changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "job_id": "jo_1", "kind": "lock", "node_id": "no_1", "project": "demo", "project_id": "pj_1",
        "issued_at": to_rfc3339(NOW), "expires_at": to_rfc3339(NOW + timedelta(minutes=5)), "inputs": {}, **changes,
    }  # fmt: skip
    return sign(CELL_JOB_PAYLOAD, canonical_json(CellJob(**facts).to_json()), key).to_json()


def test_cell_job_for_this_node_and_time_is_read() -> None:
    assert read_cell_job(job(), TRUST, NOW).job_id == "jo_1"


@pytest.mark.parametrize(
    "envelope",
    [job(RELEASE_KEY), job(node_id="no_2"), job(expires_at=to_rfc3339(NOW)), job(expires_at="later"), desired(), {}, 7],
)
def test_cell_job_not_for_this_node_or_time_is_refused(envelope: Any) -> None:
    with pytest.raises(CellJobRefused):
        read_cell_job(envelope, TRUST, NOW)
