"""`up`, `down`: the installation's processes, in the foreground."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelyard.cli.options import Command
from modelyard.cli.output import Cli, note, pass_cli
from modelyard.cli.settings import home_dir

if TYPE_CHECKING:
    from modelyard.cli.parent import Part

LOOPBACK = ("127.0.0.1", "::1", "localhost")
DOWN_TIMEOUT_S = 30.0


@click.command("up", cls=Command)
@click.option("--home", type=click.Path(path_type=Path), help="Folder that holds all state.  [default: .modelyard]")
@click.option("--port", type=click.IntRange(1, 65535), default=8800, show_default=True, help="The one TCP port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Any other address needs a certificate.")
@click.option("--admin-password-file", type=click.Path(path_type=Path), help="Write the one-time password here.")
@click.option("--certificate-file", type=click.Path(exists=True, path_type=Path), help="PEM certificate chain.")
@click.option("--key-file", type=click.Path(exists=True, path_type=Path), help="PEM private key.")
@click.option("--postgresql", metavar="URL", help="Instead of SQLite; or set MODELYARD__DATABASE__URL.")
@click.option("--envoy", type=click.Path(path_type=Path), help="Another Envoy, 1.36 or newer.")
@click.option("--public-url", default="", help="The address people use, when a proxy stands before it.")
@pass_cli
def up_command(
    cli: Cli, home: Path | None, port: int, host: str, admin_password_file: Path | None, certificate_file: Path | None,
    key_file: Path | None, postgresql: str | None, envoy: Path | None, public_url: str,
) -> None:  # fmt: skip
    """Start control plane, node and Envoy, and stay in the foreground until SIGTERM or Ctrl-C.

    Ready when GET /readyz answers 200. At the first start an administrator is made; the password is shown once.
    """
    from modelyard.cli.home_lock import Holder, HomeLock, HomeTaken
    from modelyard.cli.parent import Parent, StartFailed
    from modelyard.sdk.errors import Conflict, ModelyardError, Unavailable

    home = Path(os.path.abspath(home or home_dir()))
    _check_address(host, certificate_file, key_file)
    url = public_url.rstrip("/") or f"{'https' if certificate_file else 'http'}://{_shown_host(host)}:{port}"
    _make_home(home)
    lock = HomeLock(home)
    try:
        lock.take(Holder(os.getpid(), url, datetime.now(UTC).isoformat(timespec="seconds")))
    except HomeTaken as taken:
        where = f"process {taken.holder.pid} at {taken.holder.url}" if taken.holder else "another process"
        raise Conflict(
            f"{home} is run by {where} already.", code="up.home_taken", hint=f"modelyard down --home {home}"
        ) from None
    started = time.monotonic()
    try:
        _check_port(host, port)
        parts = _parts(home, port, host, url, certificate_file, key_file, postgresql, envoy)
        Parent(parts, say=note).run(
            _readiness(host, port, certificate_file is not None),
            lambda: _announce(cli, home, url, time.monotonic() - started, admin_password_file),
        )
    except StartFailed as failure:
        raise Unavailable(
            f"{failure.last_words}\n{failure.name} ended again and again before it was ready.",
            code="up.not_started",
            hint=f"modelyard doctor --home {home}",
        ) from failure
    except OSError as cause:
        raise ModelyardError(f"up: {cause}.", code="up.failed", hint=f"modelyard doctor --home {home}") from cause
    finally:
        lock.release()


@click.command("down", cls=Command)
@click.option("--home", type=click.Path(path_type=Path), help="Folder of the installation.  [default: .modelyard]")
@pass_cli
def down_command(cli: Cli, home: Path | None) -> None:
    """Stop what `up` started, cleanly. State stays."""
    from modelyard.cli.home_lock import find_holder
    from modelyard.sdk.errors import TimedOut

    home = home or home_dir()
    holder = find_holder(home)
    if holder is None:
        cli.show({"home": str(home), "running": False}, f"Nothing runs in {home}.")
        return
    os.kill(holder.pid, signal.SIGTERM)
    ends = time.monotonic() + DOWN_TIMEOUT_S
    while find_holder(home) is not None:
        if time.monotonic() > ends:
            raise TimedOut(f"process {holder.pid} still runs after {DOWN_TIMEOUT_S:.0f} s.", code="down.still_running")
        time.sleep(0.02)
    cli.show({"home": str(home), "running": False}, f"Stopped; state stays in {home}/")


def _check_address(host: str, certificate: Path | None, key: Path | None) -> None:
    from modelyard.sdk.errors import ModelyardError

    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate-file and --key-file go together.")
    if host not in LOOPBACK and certificate is None:
        raise ModelyardError(
            f"--host {host} is not loopback; plain HTTP is for loopback only: tokens would travel in the clear.",
            code="up.certificate_needed",
            hint="add --certificate-file F --key-file F",
        )


def _check_port(host: str, port: int) -> None:
    from modelyard.sdk.errors import Conflict

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as cause:
            raise Conflict(
                f"port {port} on {host} can't be used: {cause.strerror}.",
                code="up.port_taken",
                hint=f"stop what listens there (ss -ltnp 'sport = :{port}'), or choose another: --port N",
            ) from cause


def _make_home(home: Path) -> None:
    from modelyard.infra.processes.paths import UnsafeRunDirectory, make_run_dir
    from modelyard.sdk.errors import ModelyardError

    try:
        # Model workers have a uid of their own: they pass through the home to their environment, and read nothing else.
        for folder, mode in ((home, 0o711), (home / "logs", 0o700), (home / "control", 0o700), (home / "node", 0o711)):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)  # whatever the umask, and what a restore or an older version made of it
        make_run_dir(home)
    except (OSError, UnsafeRunDirectory) as cause:
        raise ModelyardError(
            f"the home {home} can't be used: {cause}.", code="up.home_unusable", hint=f"modelyard doctor --home {home}"
        ) from cause


def _parts(
    home: Path, port: int, host: str, url: str, certificate: Path | None, key: Path | None, postgresql: str | None,
    envoy: Path | None,
) -> list[Part]:  # fmt: skip
    from modelyard.cli.parent import Part

    # By the environment and not by arguments: other users can read arguments, and a database URL holds a password.
    control = {"MODELYARD__DATABASE__URL": postgresql} if postgresql else {}
    node = {"MODELYARD__NODE__LISTEN_HOST": "127.0.0.1" if host == "localhost" else host}
    files = {"CERTIFICATE_FILE": certificate, "KEY_FILE": key, "ENVOY_PATH": envoy}
    node |= {f"MODELYARD__NODE__{name}": str(path.absolute()) for name, path in files.items() if path}
    logs = home / "logs"
    return [
        Part(
            "control plane",
            ["-m", "modelyard.server", "--home", str(home), "--public-url", url],
            logs / "control.log",
            control,
        ),
        Part(
            "node",
            ["-m", "modelyard.node", "--home", str(home), "--port", str(port), "--await-trust"],
            logs / "node.log",
            node,
        ),
    ]


def _readiness(host: str, port: int, tls: bool) -> Callable[[], bool]:
    """Asks GET /readyz through Envoy. Waiting for nothing but the administrator is ready: it is ours to make."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}.get(host, host)  # noqa: S104
    # Nothing secret is sent, and the certificate is for the public name, not for this address.
    context = ssl._create_unverified_context() if tls else None  # noqa: S323

    def is_ready() -> bool:
        connection = (
            http.client.HTTPSConnection(target, port, timeout=2, context=context)
            if tls
            else http.client.HTTPConnection(target, port, timeout=2)
        )
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            waiting_for = json.loads(answer.read()).get("waiting_for", ["node"])
            return answer.status in (200, 503) and set(waiting_for) <= {"administrator"}
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()

    return is_ready


def _announce(cli: Cli, home: Path, url: str, took_s: float, password_file: Path | None) -> None:
    """The address, and at the first start the administrator's one-time password unless a file takes it."""
    from modelyard.cli.first_start import make_administrator

    password = make_administrator(home, password_file)
    text = f"Ready in {took_s:.1f} s  {url}"
    if password:
        text += f"\nAdministrator admin, password (shown this once): {password}"
    cli.show({"url": url, "home": str(home), "seconds": round(took_s, 3), "admin_password": password}, text)
    sys.stdout.flush()


def _shown_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
