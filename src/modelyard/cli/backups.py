"""`backup`, `restore`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import time
from pathlib import Path, PurePosixPath
from typing import Any

import click

from modelyard.cli.options import Command
from modelyard.cli.output import Cli, note, pass_cli, seconds
from modelyard.cli.settings import home_dir

FORMAT = "modelyard-backup/1"
MANIFEST = "manifest.json"
CHUNK_BYTES = 1024 * 1024


@click.command("backup", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--home", type=click.Path(path_type=Path), help="Folder of the installation.  [default: .modelyard]")
@pass_cli
def backup_command(cli: Cli, file: Path, home: Path | None) -> None:
    """Write everything into FILE, while it runs: database, models, keys. Keep the file as you keep a key."""
    from modelyard.cli.local_socket import host_client
    from modelyard.sdk.errors import Conflict

    if file.exists():
        raise Conflict(f"{file} exists already.", code="backup.exists", hint="name another file, or move it away")
    started = time.monotonic()
    partial = file.with_name(f".{file.name}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as target, host_client(home or home_dir()) as client:
            with client.transport.stream("/api/v1/backup", method="POST") as answer:
                for piece in answer.iter_bytes(CHUNK_BYTES):
                    target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        manifest = check_backup(partial)
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)
    size = file.stat().st_size
    found = {"file": str(file), "size_bytes": size, "made_at": manifest["made_at"], "members": len(manifest["members"])}
    cli.show(
        found, f"{file}  {size / 1e6:.1f} MB, {len(manifest['members'])} members, {seconds(time.monotonic() - started)}"
    )
    if manifest["database"] == "external":
        note("The PostgreSQL database is not in it: back it up with pg_dump, before this.")


@click.command("restore", cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--home", type=click.Path(path_type=Path), required=True, help="A folder that is empty, or not there.")
@pass_cli
def restore_command(cli: Cli, file: Path, home: Path) -> None:
    """Make a home from a backup; every member is checked before anything is written."""
    from modelyard.sdk.errors import Conflict

    if home.exists() and any(home.iterdir()):
        raise Conflict(f"{home} is not empty.", code="restore.home_not_empty", hint="name a new folder: --home DIR")
    manifest = check_backup(file)
    draft = home.with_name(f".{home.name}.restoring-{os.getpid()}")
    draft.mkdir(mode=0o700, parents=True)
    try:
        _extract(file, draft)
        if home.exists():
            home.rmdir()
        os.replace(draft, home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    found = {"home": str(home), "made_at": manifest["made_at"], "members": len(manifest["members"])}
    cli.show(found, f"{home} is as of {manifest['made_at']}. Start it: modelyard up --home {home}")


def check_backup(file: Path) -> dict[str, Any]:
    """The manifest, once every member was compared with it. Raises ModelyardError for a torn or changed file."""
    seen: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(file, "r|") as archive:
            for member in archive:
                _check_member(member)
                content = archive.extractfile(member)
                if content is None:
                    raise _damaged(file, f"{member.name} is no plain file")
                if member.name == MANIFEST:
                    manifest = json.loads(content.read())
                    continue
                digest = hashlib.sha256()
                while chunk := content.read(CHUNK_BYTES):
                    digest.update(chunk)
                seen[member.name] = {"digest": f"sha256:{digest.hexdigest()}", "size_bytes": member.size}
    except (tarfile.TarError, ValueError, EOFError) as cause:
        raise _damaged(file, str(cause)) from cause
    if manifest is None:
        raise _damaged(file, f"it ends before {MANIFEST}")
    if manifest.get("format") != FORMAT:
        raise _damaged(file, f"its format is {manifest.get('format')!r}, expected {FORMAT!r}")
    wrong = sorted(set(seen) ^ set(manifest["members"]))
    wrong += [name for name, found in seen.items() if manifest["members"].get(name) != found]
    if wrong:
        raise _damaged(file, f"{wrong[0]} is not what its manifest says")
    return manifest


def _extract(file: Path, target: Path) -> None:
    with tarfile.open(file, "r|") as archive:
        for member in archive:
            _check_member(member)
            content = archive.extractfile(member)
            if content is None or member.name == MANIFEST:
                continue
            place = target / member.name
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                shutil.copyfileobj(content, out, CHUNK_BYTES)


def _check_member(member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name)
    if not member.isreg() or path.is_absolute() or ".." in path.parts:
        raise tarfile.TarError(f"it holds {member.name!r}, which no backup of ours does")


def _damaged(file: Path, what: str) -> Exception:
    from modelyard.sdk.errors import ModelyardError

    return ModelyardError(
        f"{file} is no whole backup: {what}.", code="restore.damaged", hint="use another copy of the file"
    )
