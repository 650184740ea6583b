"""Files that are whole or absent after any crash: written beside, synced, renamed."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replaces the file atomically; after the return it survives a power cut."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes renames inside the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish_folder(partial: Path, final: Path) -> bool:
    """Renames a finished folder to its name. False when another made it first; then `partial` is removed."""
    try:
        partial.rename(final)
    except OSError:
        if not final.is_dir():
            raise
        remove_folder(partial)
        return False
    sync_folder(final.parent)
    return True


def make_read_only(folder: Path) -> None:
    """Takes write permission from everything below; readable by every uid, as cells run under their own."""
    for root, folders, files in os.walk(folder):
        for name in files:
            path = os.path.join(root, name)
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode):
                os.chmod(path, 0o555 if mode & 0o100 else 0o444)
        for name in folders:
            path = os.path.join(root, name)
            if not os.path.islink(path):
                os.chmod(path, 0o555)
    os.chmod(folder, 0o555)


def remove_folder(folder: Path) -> None:
    """Removes it even when it was made read-only; harmless if absent."""
    for root, folders, _files in os.walk(folder):
        os.chmod(root, 0o700)
        for name in folders:
            with suppress(OSError):
                if not os.path.islink(os.path.join(root, name)):
                    os.chmod(os.path.join(root, name), 0o700)
    shutil.rmtree(folder, ignore_errors=True)
