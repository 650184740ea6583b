"""`doctor` names each of the faults that are put into a sound home, and no other."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelyard
from modelyard.cli.home_lock import Holder, HomeLock
from modelyard.cli.inspection import Place, examine
from modelyard.cli.main import main
from modelyard.infra.db import Database, DatabaseSettings
from modelyard.infra.db.migrations import upgrade
from modelyard.infra.processes.paths import run_dir
from modelyard.kernel.ids import new_id
from modelyard.trust.keys import KeyRing, NodeTrust, write_node_trust

MIGRATIONS = Path(modelyard.__file__).parent / "server" / "migrations"


@pytest.fixture(scope="module")
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def home() -> Iterator[Path]:
    """A home as a first start leaves it: keys, database, an enrolled node."""
    folder = Path(tempfile.mkdtemp(prefix="my-doctor-"))
    folder.chmod(0o711)  # pytest's own folders let nobody pass, which is a fault for workers of other users
    home = folder / "home"
    (home / "node").mkdir(parents=True)
    ring = KeyRing.open(home / "control" / "keys")
    database = Database(DatabaseSettings(f"sqlite:///{home / 'control' / 'modelyard.db'}"))
    upgrade(database, MIGRATIONS)
    database.close()
    write_node_trust(home / "node" / "trust.json", NodeTrust.of(ring, new_id("no")))
    (home / "node" / "node.pem").write_bytes((home / "control" / "keys" / "token.pem").read_bytes())
    (home / "node" / "node.pem").chmod(0o600)
    yield home
    shutil.rmtree(folder)


@pytest.fixture
def place(home: Path, free_port: int) -> Place:
    return Place(home, port=free_port)


def faults(place: Place) -> list[str]:
    return [f"{fault.check}: {fault.got}" for _, found in examine(place) for fault in found]


def only(place: Place, check: str, words: str) -> None:
    found = faults(place)
    assert len(found) == 1, found
    assert found[0].startswith(f"{check}: "), found
    assert words in found[0], found


def test_doctor_sound_home_has_no_fault(place: Place) -> None:
    assert faults(place) == []


def test_doctor_home_that_does_not_exist_yet_has_no_fault(place: Place) -> None:
    assert faults(Place(place.home.parent / "new", port=place.port)) == []


def test_doctor_envoy_missing(place: Place) -> None:
    only(Place(place.home, place.port, envoy="/nowhere/envoy"), "envoy", "there is no Envoy at /nowhere/envoy")


def test_doctor_envoy_too_old(place: Place, tmp_path: Path) -> None:
    old = tmp_path / "envoy"
    old.write_text("#!/bin/sh\necho 'envoy  version: abc/1.30.1/Clean/RELEASE/BoringSSL'\n")
    old.chmod(0o755)
    only(Place(place.home, place.port, envoy=str(old)), "envoy", "1.30.1")


def test_doctor_port_taken(place: Place) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        only(Place(place.home, other.getsockname()[1]), "port", "Address already in use")


def test_doctor_run_folder_belongs_to_something_else(place: Place) -> None:
    deep = place.home.parent / ("d" * 80)
    deep.mkdir()
    path = run_dir(deep)
    path.write_text("not a folder")
    try:
        only(Place(deep, place.port), "run folder", "no folder")
    finally:
        path.unlink()


def test_doctor_home_that_cannot_be_written(place: Place) -> None:
    place.home.chmod(0o500)
    try:
        only(place, "home", "can't be written")
    finally:
        place.home.chmod(0o700)


def test_doctor_disk_nearly_full(place: Place) -> None:
    only(Place(place.home, place.port, disk_free_bytes_min=1 << 60), "disk", "are free")


def test_doctor_clock_that_went_back(place: Place) -> None:
    tomorrow = time.time() + 86_400
    os.utime(place.home / "control" / "modelyard.db", (tomorrow, tomorrow))
    only(place, "clock", "the clock says")


def test_doctor_key_that_others_can_read(place: Place) -> None:
    (place.home / "control" / "keys" / "release.pem").chmod(0o644)
    only(place, "keys", "release.pem has mode 0644")


@pytest.mark.parametrize("name", ["token.pem", "order.pem", "kek.key"])
def test_doctor_key_missing_and_doctor_makes_no_new_one(place: Place, name: str) -> None:
    path = place.home / "control" / "keys" / name
    path.unlink()
    only(place, "keys", f"{name} is missing")
    assert not path.exists()


def test_doctor_key_corrupt(place: Place) -> None:
    path = place.home / "control" / "keys" / "token.pem"
    path.write_bytes(path.read_bytes()[:60])
    only(place, "keys", "are no key")


def test_doctor_database_corrupt(place: Place) -> None:
    path = place.home / "control" / "modelyard.db"
    for side in ("-wal", "-shm"):
        path.with_name(path.name + side).unlink(missing_ok=True)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(8192))
    only(place, "database", "modelyard.db")


def test_doctor_database_from_the_future(place: Place) -> None:
    with sqlite3.connect(place.home / "control" / "modelyard.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    only(place, "database", "migration '9999'")


def test_doctor_node_not_enrolled(place: Place) -> None:
    (place.home / "node" / "trust.json").unlink()
    only(place, "enrolment", "not enrolled")


def test_doctor_node_trusts_another_installation(place: Place, tmp_path: Path) -> None:
    other = KeyRing.open(tmp_path / "other")
    write_node_trust(place.home / "node" / "trust.json", NodeTrust.of(other, new_id("no")))
    only(place, "enrolment", "the node trusts installation")


def test_doctor_node_trusts_a_swapped_release_key(place: Place) -> None:
    path = place.home / "node" / "trust.json"
    trust = json.loads(path.read_text())
    trust["release_key"] = trust["order_key"]
    path.write_text(json.dumps(trust))
    only(place, "enrolment", "another release key")


def test_doctor_environment_broken(place: Place) -> None:
    python = place.home / "node" / "environments" / ("a" * 64) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to("/nowhere/python3")
    only(place, "environments", "does not start")


def test_doctor_certificate_expired(place: Place, tmp_path: Path) -> None:
    path = certificate(tmp_path, days=-1)
    only(Place(place.home, place.port, certificate_file=path), "certificate", "expired on")


def test_doctor_certificate_about_to_expire_and_one_that_is_fine(place: Place, tmp_path: Path) -> None:
    only(Place(place.home, place.port, certificate_file=certificate(tmp_path, days=3)), "certificate", "expires in")
    assert faults(Place(place.home, place.port, certificate_file=certificate(tmp_path, days=90))) == []


def test_doctor_lock_left_by_a_killed_process(place: Place) -> None:
    code = (
        "import os, sys; from pathlib import Path; from modelyard.cli.home_lock import HomeLock, Holder; "
        "HomeLock(Path(sys.argv[1])).take(Holder(os.getpid(), 'http://127.0.0.1:1', '')); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(place.home)], check=False)
    only(place, "lock", "ended without cleaning up")


def test_doctor_lock_that_is_held_is_no_fault(place: Place) -> None:
    lock = HomeLock(place.home)
    lock.take(Holder(os.getpid(), "http://127.0.0.1:1", ""))
    try:
        assert faults(place) == []
    finally:
        lock.release()


def test_doctor_command_exits_12_and_names_the_next_step(
    place: Place, capsys: pytest.CaptureFixture[str], known_rights: None
) -> None:
    key = place.home / "control" / "keys" / "token.pem"
    key.chmod(0o640)
    assert main(["doctor", "--home", str(place.home), "--port", str(place.port)]) == 12
    assert f"Next: chmod 600 {key}" in capsys.readouterr().out
    assert stat.S_IMODE(key.stat().st_mode) == 0o640  # it looks, and changes nothing


@pytest.fixture
def known_rights() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def certificate(folder: Path, days: int) -> Path:
    """A self-signed certificate that ends in so many days."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key, name = Ed25519PrivateKey.generate(), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, None)
    )
    path = folder / f"certificate-{days}.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path
