"""When a node's time to answer is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from modelyard.builds.cells.domain import GRACE_S, QUEUE_S, Order

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=1)


def order(**values: object) -> Order:
    fields = {
        "id": "jo_1", "project_id": "pj_1", "project": "demo", "subject_id": "bu_1", "purpose": "check",
        "kind": "check", "node_id": "no_1", "state": "queued", "inputs": {}, "inputs_digest": "", "blobs": (),
        "timeout_s": 100.0, "created_at": NOON,
    }  # fmt: skip
    return Order(**{**fields, **values})  # type: ignore[arg-type]


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_order_that_no_node_takes_is_overdue_after_the_queue_time() -> None:
    assert not order().is_overdue(after(QUEUE_S - 1), LONG_AGO)
    assert order().is_overdue(after(QUEUE_S + 1), LONG_AGO)


def test_order_that_was_taken_is_overdue_after_its_own_time_and_a_grace() -> None:
    taken = order(state="issued", issued_at=after(50))
    assert not taken.is_overdue(after(50 + 100 + GRACE_S - 1), LONG_AGO)
    assert taken.is_overdue(after(50 + 100 + GRACE_S + 1), LONG_AGO)


def test_order_time_in_which_the_control_plane_was_away_is_not_the_nodes() -> None:
    back = after(3600)
    assert not order().is_overdue(back + timedelta(seconds=1), back)
    assert order().is_overdue(back + timedelta(seconds=QUEUE_S + 1), back)
    taken = order(state="issued", issued_at=after(1))
    assert not taken.is_overdue(back + timedelta(seconds=1), back)
