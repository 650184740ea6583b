"""Ledger, identities, module names and results of cell jobs."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelyard.contracts.cell_job import RESULT_BYTES_MAX
from modelyard.kernel.clock import to_rfc3339
from modelyard.node.cells.checks import ResultInvalid, read_result
from modelyard.node.cells.identities import UID_FIRST, UIDS_PER_PROJECT, CellIdentities
from modelyard.node.cells.ledger import KEPT, JobLedger
from modelyard.node.cells.specs import module_names

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_job_is_taken_once_also_after_a_restart(tmp_path: Path) -> None:
    ledger = JobLedger(tmp_path / "jobs.log", NOW)
    assert ledger.take("jo_1", to_rfc3339(NOW))
    assert not ledger.take("jo_1", to_rfc3339(NOW))
    assert not JobLedger(tmp_path / "jobs.log", NOW).take("jo_1", to_rfc3339(NOW))


def test_ledger_disk_full_takes_nothing_and_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jobs.log"
    ledger = JobLedger(path, NOW)
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:5]))
    with pytest.raises(OSError, match="No space"):
        ledger.take("jo_1", to_rfc3339(NOW))
    monkeypatch.setattr(os, "write", real)
    assert path.read_bytes() == b""
    assert ledger.take("jo_1", to_rfc3339(NOW))
    assert not JobLedger(path, NOW).take("jo_1", to_rfc3339(NOW))


def test_ledger_drops_old_jobs_and_reads_over_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "jobs.log"
    JobLedger(path, NOW).take("jo_1", to_rfc3339(NOW))
    with path.open("a") as file:
        file.write('["jo_2", "20')
    later = JobLedger(path, NOW + timedelta(minutes=1))
    assert not later.take("jo_1", to_rfc3339(NOW))
    assert later.take("jo_2", to_rfc3339(NOW))
    assert JobLedger(path, NOW + KEPT + timedelta(days=1)).take("jo_1", to_rfc3339(NOW))


def test_identities_are_stable_and_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    identities = CellIdentities(tmp_path / "uids.json")
    assert identities.get_uid("pj_a") == UID_FIRST
    assert identities.get_uid("pj_b") == UID_FIRST + UIDS_PER_PROJECT
    assert CellIdentities(tmp_path / "uids.json").get_uid("pj_b") == UID_FIRST + UIDS_PER_PROJECT


def test_identity_of_an_ordinary_user_is_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert CellIdentities(tmp_path / "uids.json").get_uid("pj_a") is None


def test_module_names_that_are_none_are_passed_over() -> None:
    assert module_names(["numpy", "sklearn.linear_model", "a,b", "--x", "", 3, "a:b", "é"]) == (
        "numpy", "sklearn.linear_model", "é",
    )  # fmt: skip
    assert module_names("numpy") == ()


def test_result_of_a_cell_is_read_as_a_strangers(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text('{"load_s": 1}')
    assert read_result(path) == {"load_s": 1}
    for content in ("[1]", "{", "[" * 100_000):
        path.write_text(content)
        with pytest.raises(ResultInvalid):
            read_result(path)
    path.write_bytes(b'"' + b"x" * RESULT_BYTES_MAX + b'"')
    with pytest.raises(ResultInvalid, match="more than"):
        read_result(path)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(ResultInvalid):
        read_result(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ResultInvalid, match="no plain file"):
        read_result(path)
