from __future__ import annotations

import threading
from pathlib import Path

import pytest

from modelyard.infra.crypto.ed25519 import MalformedKey, SigningKey
from modelyard.infra.crypto.key_files import (
    UnsafeKeyFile,
    open_signing_key,
    read_or_create,
    read_private_file,
    write_private_file,
)
from modelyard.infra.crypto.sealing import new_key


def test_key_file_is_made_once_with_mode_0600(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "token.pem"
    first = open_signing_key(path)
    assert open_signing_key(path).key_id == first.key_id
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["token.pem"]


def test_key_file_made_by_many_at_once_is_one_key(tmp_path: Path) -> None:
    path, made, start = tmp_path / "kek.key", [], threading.Barrier(16)

    def make() -> None:
        start.wait()
        made.append(read_or_create(path, new_key))

    threads = [threading.Thread(target=make) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 16
    assert set(made) == {path.read_bytes()}
    assert [file.name for file in tmp_path.iterdir()] == ["kek.key"]


def test_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token.pem"
    open_signing_key(path)
    for mode in (0o640, 0o604, 0o620, 0o666):
        path.chmod(mode)
        with pytest.raises(UnsafeKeyFile, match="chmod 600"):
            open_signing_key(path)


def test_key_file_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x" * 32)
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match="symbolic links"):
        read_private_file(tmp_path / "link")


def test_key_file_truncated_is_refused_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "token.pem"
    open_signing_key(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(MalformedKey):
        open_signing_key(path)
    assert len(path.read_bytes()) == 40


def test_key_of_another_algorithm_is_refused() -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(MalformedKey, match="expected Ed25519"):
        SigningKey.from_pem(pem)


def test_private_file_replaced_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    write_private_file(path, b"one")
    write_private_file(path, b"two")
    assert read_private_file(path) == b"two"
    assert [file.name for file in tmp_path.iterdir()] == ["trust.json"]
