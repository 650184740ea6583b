"""What `make run` executes: everything from an example model to a governed prediction, by the public command line.

    python -m modelyard.cli.demo --home .modelyard --port 8800 [--exit]

It acts as three people: an author who pushes, a reviewer who approves, an owner who lets a program in. Their profiles
stay logged in. Over a home that has been through it before it starts the installation again and asks once more.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelyard.cli.home_lock import find_holder
from modelyard.cli.local_socket import host_client
from modelyard.cli.main import main as run_cli
from modelyard.cli.output import EXIT_CODES, render_error, seconds
from modelyard.infra.processes.with_parent import with_parent
from modelyard.sdk.client import Client
from modelyard.sdk.errors import Conflict, ModelyardError, NotFound, TimedOut, Unauthenticated
from modelyard.sdk.profiles import choose_profile
from modelyard.sdk.settings import read_settings

PROJECT = "demo"
MODEL = "tumour"
CALLER = "clinic-app"
PEOPLE = {"author": "developer", "reviewer": "reviewer", "owner": "owner"}
LINEAGE_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 30.0


class StepFailed(Exception):
    """A step of the demonstration did not work. What went wrong is on stderr already."""


def main(arguments: list[str] | None = None) -> int:
    """0 when every step worked."""
    parser = argparse.ArgumentParser(prog="make run", description="From an example model to a governed prediction.")
    parser.add_argument("--home", type=Path, default=Path(".modelyard"))
    parser.add_argument("--port", type=int, default=8800)
    parser.add_argument("--exit", action="store_true", help="stop when everything has worked")
    options = parser.parse_args(arguments)
    holder = find_holder(options.home)
    if holder is not None:
        print(f"Running already: {holder.url} (process {holder.pid}). Stop it: modelyard down --home {options.home}")
        return 0 if not options.exit else 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    installation = Installation(options.home, options.port)
    try:
        Demonstration(installation, stops=options.exit).run()
        if not options.exit:
            installation.process.wait()
    except KeyboardInterrupt:
        return 0 if not options.exit else 1
    except StepFailed as failure:
        print(f"{failure}\nLogs: {options.home}/logs/", file=sys.stderr)
        return 1
    except ModelyardError as failure:
        print(f"{failure}\nLogs: {options.home}/logs/", file=sys.stderr)
        return 1
    finally:
        installation.stop()
    return 0


class Installation:
    """`modelyard up` as a child that ends with us."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port
        self.url = ""
        self.admin_password = ""
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("the installation was not started")
        return self._process

    def start(self) -> None:
        """Returns when it is ready. Raises StepFailed."""
        command = [sys.executable, "-m", "modelyard.cli", "up", "--json", "--home", str(self.home)]
        self._process = subprocess.Popen(
            with_parent([*command, "--port", str(self.port)], signal.SIGTERM),
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, start_new_session=True,
        )  # fmt: skip
        text = ""
        for line in self._process.stdout or ():
            text += line
            if line == "}\n":
                break
        try:
            found = json.loads(text)
        except ValueError:
            raise StepFailed("`modelyard up` did not become ready.") from None
        self.url = found["url"]
        self.admin_password = found["admin_password"] or ""

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        with self._process:  # closes its pipe at the end
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()


class Demonstration:
    """The six lines. Each step says what it did and how long that took."""

    def __init__(self, installation: Installation, *, stops: bool) -> None:
        self._installation = installation
        self._stops = stops
        self._logins: dict[str, str] = {}
        self._folder = installation.home / "demo" / MODEL

    def run(self) -> None:
        """Raises StepFailed or ModelyardError at the first step that does not work."""
        took = timed(self._installation.start)
        report("2/6", "up", "control plane, node, Envoy ready", took)
        self._add_people()
        live = self._live_version()
        if live is None:
            self._from_nothing()
        else:
            print(f"      again     {PROJECT}/{MODEL} {live} is live, from the run before", flush=True)
        self._predict()
        self._say_goodbye()

    def _from_nothing(self) -> None:
        took = timed(lambda: self._push("1.0.0", weak=True))
        report("3/6", "push", f"author: {PROJECT}/{MODEL} 1.0.0, AUC {self._auc():.3f}", took)
        number = self._request("1.0.0", "first version")
        took = timed(lambda: self._approve(number, "AUC fine for a first version"))
        report("4/6", "approve", f"reviewer: release {number} live", took)

        def improve() -> int:
            self._push("1.1.0", weak=False)
            number = self._request("1.1.0", "thirty measurements instead of one")
            self._approve(number, "better on the same evaluation data")
            return number

        numbers: list[int] = []
        took = timed(lambda: numbers.append(improve()))
        report("5/6", "improve", f"1.1.0, AUC {self._auc():.3f}; release {numbers[0]} live", took)

    def _add_people(self) -> None:
        """Author, reviewer and owner with random passwords; those whose login still works stay as they are."""
        with host_client(self._installation.home) as host:
            with contextlib.suppress(Conflict):
                host.projects.add_project(PROJECT, "The example of the first launch")
            for name, role in PEOPLE.items():
                if self._is_logged_in(name):
                    continue
                password = secrets.token_urlsafe(12)
                try:
                    host.accounts.add_user(name, password=password)
                except Conflict:
                    host.accounts.reset_password(name, password=password)
                host.projects.grant(PROJECT, name, role)
                self._log_in(name, password)
                self._logins[name] = password

    def _is_logged_in(self, name: str) -> bool:
        try:
            profile = choose_profile(read_settings(), name=name)
            if profile.url != self._installation.url:
                return False
            with Client.from_profile(profile=profile, agent="cli") as client:
                return any(entry["name"] == PROJECT for entry in client.accounts.me().projects)
        except Unauthenticated:
            return False

    def _log_in(self, name: str, password: str) -> None:
        file = self._installation.home / "demo" / f".password-{secrets.token_hex(4)}"
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w") as out:
                out.write(password)
            url = ["--url", self._installation.url, "--project", PROJECT]
            cli_json("--profile", name, *url, "login", "--user", name, "--password-file", str(file))
        finally:
            file.unlink()

    def _live_version(self) -> str | None:
        """The version that answers from an earlier run, None at the first or when that one broke off."""
        try:
            with Client.from_profile("author", agent="cli") as client:
                live = [
                    release
                    for release in client.releases.list_releases(project=PROJECT, state="live")
                    if release.endpoint == MODEL
                ]
        except NotFound:
            return None
        return live[0].version if live and live[0].version == "1.1.0" else None

    def _push(self, version: str, *, weak: bool) -> None:
        """Trains, then pushes as the author, unless the version is there from a run that broke off."""
        if not self._folder.exists():
            self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            cli_json("init", str(self._folder), "--example", MODEL)
            commit_folder(self._folder)
        manifest = self._folder / "modelyard.toml"
        lines = [line for line in manifest.read_text().splitlines() if not line.startswith("version = ")]
        lines.insert(lines.index(f'name = "{MODEL}"') + 1, f'version = "{version}"')
        manifest.write_text("\n".join(lines) + "\n")
        command = [sys.executable, "train.py", *(["--weak"] if weak else [])]
        trained = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False)
        if trained.returncode != 0:
            print(trained.stderr, file=sys.stderr)
            raise StepFailed("train.py failed.")
        commit_folder(self._folder)
        with Client.from_profile("author", agent="cli") as client, contextlib.suppress(NotFound):
            client.models.get_version(PROJECT, MODEL, version)
            return
        cli_json("--profile", "author", "push", str(self._folder))

    def _request(self, version: str, why: str) -> int:
        arguments = ("release", f"{MODEL}:{version}", "--to", MODEL, "-m", why)
        return int(cli_json("--profile", "author", *arguments)["number"])

    def _approve(self, number: int, why: str) -> None:
        cli_json("--profile", "reviewer", "approve", str(number), "-m", why)

    def _auc(self) -> float:
        return float(json.loads((self._folder / "metrics.json").read_text())["auc"])

    def _predict(self) -> None:
        """As the service account, through Envoy, with its own token; then where that answer came from."""
        cli_json("--profile", "owner", "allow", CALLER, MODEL, "--purpose", "triage", accept=Conflict)
        token = cli_json("--profile", "owner", "tokens", "create", CALLER, "--days", "30", "--name", "make run")[
            "token"
        ]
        rows = json.loads((self._folder / "row.json").read_text())
        with Client(self._installation.url, token, agent="cli") as client:
            first = until_allowed(lambda: client.predictions.ask(PROJECT, MODEL, [rows], token=token))
            started = time.monotonic()
            answer = client.predictions.ask(PROJECT, MODEL, [rows], token=token)
            took = time.monotonic() - started
        row = (answer.rows or first.rows)[0]
        report("6/6", "predict", f"{row['label']}, p_malignant {row['p_malignant']:.3f}", took)
        print(f"      lineage   {self._lineage(answer.id)}", flush=True)

    def _lineage(self, prediction_id: str) -> str:
        """`train.py@3f1c → build 2 → release 2`; the access record arrives within a moment of the answer."""
        ends = time.monotonic() + LINEAGE_TIMEOUT_S
        while True:
            try:
                with Client.from_profile("owner", agent="cli") as client:
                    return str(client.lineage(prediction_id)["chain"])
            except NotFound:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.1)

    def _say_goodbye(self) -> None:
        logins = {
            **({"admin": self._installation.admin_password} if self._installation.admin_password else {}),
            **self._logins,
        }
        shown = "  ".join(f"{name} {password}" for name, password in logins.items())
        print(f"Console  {self._installation.url}    logins (once): {shown or 'as shown at the first run'}")
        end = "Stopping" if self._stops else "Ctrl-C stops all"
        print(f"{end}; state stays in {self._installation.home}/", flush=True)


def cli_json(*arguments: str, accept: type[ModelyardError] | None = None) -> Any:
    """Runs the public command line with --json and returns what it printed. Raises StepFailed for a bad exit code."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run_cli(["--json", *arguments])
    if status != 0:
        if accept is not None and status == EXIT_CODES[accept.kind]:
            return None
        print(_readable(err.getvalue()), file=sys.stderr)
        raise StepFailed(f"`modelyard {' '.join(arguments)}` ended with {status}.")
    return json.loads(out.getvalue())


def _readable(text: str) -> str:
    """The error that `--json` wrote as a document, as a person reads it; anything else as it is."""
    try:
        found = json.loads(text.strip().splitlines()[-1])
        return render_error(found["detail"], found["hint"], found["code"], found["request_id"])
    except (ValueError, KeyError, IndexError):
        return text.strip()


def until_allowed(ask: Callable[[], Any]) -> Any:
    """The answer, once the node has heard of the new caller: within a second, and its worker has started."""
    ends = time.monotonic() + 30.0
    while True:
        try:
            return ask()
        except (NotFound, Unauthenticated, TimedOut):
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)


def commit_folder(folder: Path) -> None:
    """Keeps the example's code in Git, as people do; without git there is no commit to name, and that is all."""
    identity = ["-c", "user.name=author", "-c", "user.email=author@demo", "-c", "commit.gpgsign=false"]
    with contextlib.suppress(OSError):
        for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "Tumour triage"]):
            subprocess.run(["git", *command], cwd=folder, capture_output=True, check=False)


def timed(action: Callable[[], Any]) -> float:
    """Seconds that the action took."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def report(step: str, name: str, text: str, took_s: float) -> None:
    """One line of the transcript, times to the right."""
    print(f"[{step}] {name:<9} {text:<36}{seconds(took_s):>6}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
