"""Key files: mode 0600, made once, never overwritten, whole or not there at all after a crash."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from modelyard.infra.crypto.ed25519 import SigningKey

KEY_FILE_BYTES_MAX = 16 * 1024


class UnsafeKeyFile(RuntimeError):
    """Others may read or replace the key, or it is no plain file of ours."""


def read_private_file(path: Path) -> bytes:
    """The content of a secret file of ours. Raises FileNotFoundError, and UnsafeKeyFile when its mode lets others read
    or write it, when somebody else owns it, or when it is a link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise UnsafeKeyFile(f"{path} is no plain file of uid {os.geteuid()}.")
        if found.st_mode & 0o077:
            raise UnsafeKeyFile(f"{path} has mode {found.st_mode & 0o777:04o}, expected 0600. Run: chmod 600 {path}")
        return file.read(KEY_FILE_BYTES_MAX + 1)


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """The file's content, made now if it is not there. Of two processes that both make it, one wins and both get the
    winner's bytes: a key that has been used once must never be replaced by a second one."""
    try:
        return read_private_file(path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    _write_new(draft, make())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # someone was faster; theirs counts
    finally:
        draft.unlink()
    _sync_folder(path.parent)
    return read_private_file(path)


def write_private_file(path: Path, content: bytes) -> None:
    """Replaces the file as a whole; for what may change, never for keys."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    _write_new(draft, content)
    os.replace(draft, path)
    _sync_folder(path.parent)


def open_signing_key(path: Path) -> SigningKey:
    """The Ed25519 key in the PEM file, made at first use. Raises MalformedKey or UnsafeKeyFile."""
    return SigningKey.from_pem(read_or_create(path, lambda: SigningKey.generate().to_pem()))


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
