"""Lineage in words."""

from __future__ import annotations

import pytest

from modelyard.governance.lineage.domain import caller_part, chain, prediction_part


def lineage(**more):
    return {"build": {"number": 2, "git": None}, "code": [{"path": "model.py"}, {"path": "train.py"}], **more}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (lineage(), "train.py → build 2"),
        (lineage(build={"number": 2, "git": {"commit": "3f1cab"}}), "train.py@3f1c → build 2"),
        (lineage(build={"number": 2, "git": {"commit": "3f1cab", "dirty": True}}), "train.py@3f1c+diff → build 2"),
        (lineage(release={"number": 2}), "train.py → build 2 → release 2"),
        (lineage(code=[]), "object → build 2"),
    ],
)
def test_chain_is_the_shortest_way_to_say_it(found, words):
    assert chain(found) == words


def test_prediction_part_of_broken_record_has_no_times():
    part = prediction_part({"prediction_id": "pr_1", "total_us": "-", "status": None})
    assert (part["total_ms"], part["status"], part["kind"]) == (None, None, "endpoint")


def test_caller_without_token_row_is_the_gateways_word():
    assert caller_part({"caller": "sa_1", "token_id": "tk_1"}, None, None) == {
        "principal_id": "sa_1", "token_id": "tk_1",
    }  # fmt: skip
