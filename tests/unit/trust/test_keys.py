from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelyard.infra.crypto.key_files import UnsafeKeyFile, write_private_file
from modelyard.trust.keys import KeyRing, NodeTrust, read_node_trust, write_node_trust


def test_ring_at_first_start_is_made_and_then_stays(tmp_path: Path) -> None:
    first, second = KeyRing.open(tmp_path / "keys"), KeyRing.open(tmp_path / "keys")
    assert first.installation == second.installation
    assert first.kek == second.kek
    assert [k.key_id for k in (first.token, first.release, first.order)] == [
        k.key_id for k in (second.token, second.release, second.order)
    ]
    names = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "keys").iterdir()}
    assert names == dict.fromkeys(["installation", "kek.key", "order.pem", "release.pem", "token.pem"], 0o600)


def test_ring_has_one_key_for_one_job_and_shows_no_secret(tmp_path: Path) -> None:
    ring = KeyRing.open(tmp_path)
    assert len({ring.token.key_id, ring.release.key_id, ring.order.key_id}) == 3
    assert repr(ring.kek) not in repr(ring)
    assert ring.derived_key("a") != ring.derived_key("b")


def test_ring_with_a_broken_file_is_refused(tmp_path: Path) -> None:
    KeyRing.open(tmp_path)
    write_private_file(tmp_path / "kek.key", b"short")
    with pytest.raises(UnsafeKeyFile, match="expected 32"):
        KeyRing.open(tmp_path)


def test_node_trust_written_is_read_and_holds_no_private_key(tmp_path: Path) -> None:
    ring = KeyRing.open(tmp_path / "keys")
    trust = NodeTrust.of(ring, "no_1")
    write_node_trust(tmp_path / "trust.json", trust)
    assert read_node_trust(tmp_path / "trust.json") == trust
    assert trust.release_keys == ring.release_keys()
    assert set(json.loads((tmp_path / "trust.json").read_text())) == {
        "format", "installation", "node_id", "release_key", "order_key",
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"format": "modelyard-node-trust/2"}, {"release_key": "AAAA"}, {"order_key": None}, {"release_key": "%%"}],
)
def test_node_trust_malformed_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    good = NodeTrust.of(KeyRing.open(tmp_path), "no_1").to_json()
    with pytest.raises(ValueError, match=r"file|bytes"):
        NodeTrust.from_json({**good, **change})


def test_node_trust_that_others_could_have_changed_is_refused(tmp_path: Path) -> None:
    write_node_trust(tmp_path / "trust.json", NodeTrust.of(KeyRing.open(tmp_path / "keys"), "no_1"))
    (tmp_path / "trust.json").chmod(0o666)
    with pytest.raises(UnsafeKeyFile):
        read_node_trust(tmp_path / "trust.json")
