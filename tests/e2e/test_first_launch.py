"""The first launch, by the public command line over real processes: control plane, node, Envoy, workers.

push → release → approve → predict → improve → rollback → revoke, with attacks on the way; backup and restore; kill -9.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.cli.demo import MODEL, PROJECT, cli_json
from modelyard.cli.demo import main as make_run
from modelyard.cli.home_lock import is_held
from modelyard.cli.local_socket import host_client
from modelyard.cli.main import main
from modelyard.cli.starting import EXAMPLES
from modelyard.sdk.notebook import disconnect

pytestmark = pytest.mark.timeout(600)
READY_TIMEOUT_S = 120.0
ROW = EXAMPLES / MODEL / "row.json"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes_of(home: Path) -> list[str]:
    """Command lines of processes that name the home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(home) in line and int(folder.name) != os.getpid():
                found.append(line)
    return found


def until(condition: Callable[[], bool], what: str, timeout_s: float = 30.0) -> float:
    """Seconds until the condition held."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < timeout_s, f"{what}: not within {timeout_s} s"
        time.sleep(0.02)
    return time.monotonic() - started


@dataclass
class Up:
    """A running installation."""

    home: Path
    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        return False

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)


def start(home: Path, port: int, *options: str) -> Up:
    command = [sys.executable, "-m", "modelyard.cli", "up", "--home", str(home), "--port", str(port), *options]
    up = Up(home, port, subprocess.Popen(command, stdout=subprocess.DEVNULL, text=True))
    until(lambda: up.is_ready() or up.process.poll() is not None, "up", READY_TIMEOUT_S)
    assert up.process.poll() is None
    return up


@pytest.fixture(scope="module")
def story() -> Iterator[tuple[Path, int]]:
    """`make run EXIT=1` has been through a home: author, reviewer, owner, two releases. (home, port)"""
    folder = passable()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELYARD_CONFIG_DIR", str(folder / "config"))
        for name in ("PROFILE", "URL", "TOKEN", "PROJECT"):
            patch.delenv(f"MODELYARD_{name}", raising=False)
        home, port = folder / "home", free_port()
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = make_run(["--home", str(home), "--port", str(port), "--exit"])
        assert status == 0, out.getvalue()
        for words in (
            "[2/6] up",
            "demo/tumour 1.0.0, AUC 0.8",
            "release 1 live",
            "release 2 live",
            "benign",
            "→ release 2",
        ):
            assert words in out.getvalue(), out.getvalue()
        assert processes_of(home) == []
        yield home, port
    shutil.rmtree(folder)


@pytest.fixture
def place() -> Iterator[Path]:
    """Like `tmp_path`, but workers that run as other users may pass through it."""
    folder = passable()
    yield folder
    shutil.rmtree(folder)


def passable() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="my-e2e-"))
    folder.chmod(0o711)
    return folder


@pytest.fixture(scope="module")
def up(story: tuple[Path, int]) -> Iterator[Up]:
    running = start(*story)
    yield running
    running.stop()
    assert processes_of(running.home) == []


@pytest.fixture(autouse=True)
def _disconnected() -> Iterator[None]:
    yield
    disconnect()


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and stderr of one command line."""
    err = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        return main(list(arguments)), err.getvalue()


def ask(up: Up, token: str, endpoint: str = f"{PROJECT}.{MODEL}", **options: Any) -> httpx.Response:
    rows = json.loads(ROW.read_text())
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.post(f"{up.url}/v2/models/{endpoint}/predict", json=rows, headers=headers, timeout=30, **options)


def caller_token() -> str:
    made = cli_json("--profile", "owner", "tokens", "create", "clinic-app", "--days", "1")
    return str(made["token"])


def until_answers(up: Up, token: str, timeout_s: float = 60.0) -> httpx.Response:
    until(lambda: ask(up, token).status_code == 200, "the endpoint answers", timeout_s)
    return ask(up, token)


def test_second_make_run_of_a_running_home_says_so(up: Up, capsys: pytest.CaptureFixture[str]) -> None:
    assert make_run(["--home", str(up.home), "--port", str(up.port)]) == 0
    assert "Running already" in capsys.readouterr().out


def test_second_up_of_the_same_home_is_refused(up: Up) -> None:
    status, said = run("up", "--home", str(up.home), "--port", str(free_port()))
    assert (status, "up.home_taken" in said) == (7, True)


def test_prediction_answers_with_its_version_and_lineage_leads_to_people(up: Up) -> None:
    answer = until_answers(up, caller_token())
    body = answer.json()
    assert (body["version"], body["predictions"][0]["label"]) == ("1.1.0", "benign")
    found: dict[str, Any] = {}

    def arrived() -> bool:
        with contextlib.suppress(Exception):
            found.update(cli_json("--profile", "owner", "lineage", body["prediction_id"]))
        return bool(found)

    until(arrived, "the access record arrives")
    assert found["caller"]["name"] == "clinic-app"
    assert found["caller"]["purpose"] == "triage"
    assert (found["version"]["author"], found["release"]["approved_by"]) == ("author", "reviewer")
    assert found["chain"].startswith("train.py@")


def test_attack_strangers_and_bypass_spellings_get_nothing(up: Up) -> None:
    token = caller_token()
    until_answers(up, token)
    assert ask(up, "").status_code == 401
    assert ask(up, token[:-4] + "AAAA").status_code == 401
    # No such endpoint, and one that the caller may not use, look alike.
    assert ask(up, token, "demo.absent").status_code == 404
    session = cli_profile_token("reviewer")
    for path in (
        "//v2/models/demo.tumour/predict",
        "/v2/./models/demo.tumour/predict",
        "/V2/models/demo.tumour/predict",
    ):
        assert httpx.post(f"{up.url}{path}", json={}, timeout=30).status_code in (401, 404), path
    assert httpx.get(f"{up.url}/v2/models/demo.tumour?access_token={token}", timeout=30).status_code == 401
    assert (
        httpx.get(f"{up.url}/api/v1/users", headers={"authorization": f"Bearer {session}"}, timeout=30).status_code
        == 403
    )


def cli_profile_token(name: str) -> str:
    from modelyard.sdk.profiles import choose_profile
    from modelyard.sdk.settings import read_settings

    return choose_profile(read_settings(), name=name).token


def test_attack_author_approves_own_release_is_refused(up: Up) -> None:
    arguments = ("release", f"{MODEL}:1.0.0", "--to", "mine", "-m", "a second endpoint")
    number = cli_json("--profile", "author", *arguments)["number"]
    status, _ = run("--profile", "author", "approve", str(number), "-m", "trust me")
    assert status == 5
    with host_client(up.home) as host:
        assert any(event["principal_name"] == "author" for event in host.audit(outcome="denied"))
    # An owner may approve, yet never what they asked for themselves.
    arguments = ("release", f"{MODEL}:1.0.0", "--to", "another", "-m", "mine")
    number = cli_json("--profile", "owner", *arguments)["number"]
    status, said = run("--profile", "owner", "approve", str(number), "-m", "trust me")
    assert status in (5, 7), said


def test_rollback_and_forward_again(up: Up) -> None:
    token = caller_token()
    until_answers(up, token)
    cli_json("--profile", "reviewer", "rollback", MODEL, "-m", "to see that it works")
    assert ask(up, token).json()["version"] == "1.0.0"
    number = cli_json("--profile", "author", "release", f"{MODEL}:1.1.0", "--to", MODEL, "-m", "forward")["number"]
    cli_json("--profile", "reviewer", "approve", str(number), "-m", "fine")
    assert ask(up, token).json()["version"] == "1.1.0"


def test_preview_by_a_member_needs_no_approval_and_a_stranger_gets_none(up: Up) -> None:
    answer = cli_json("--profile", "author", "predict", f"{MODEL}:1.0.0", f"@{ROW}")
    assert answer["version"] == "1.0.0"
    path = f"{up.url}/preview/v2/models/{PROJECT}.{MODEL}/versions/1.0.0/predict"
    stranger = httpx.post(path, json={}, headers={"authorization": f"Bearer {caller_token()}"}, timeout=30)
    assert stranger.status_code in (401, 403, 404)


def test_pull_gives_the_files_back_and_my_load_the_model(up: Up, tmp_path: Path) -> None:
    import modelyard as my

    cli_json("--profile", "author", "pull", f"{MODEL}:1.1.0", str(tmp_path / "pulled"))
    original = up.home / "demo" / MODEL / "model.skops"
    assert (tmp_path / "pulled" / "model.skops").read_bytes() == original.read_bytes()
    my.connect("author", quiet=True)
    with pytest.raises(my.ModelyardError, match="runs code"):
        my.load(f"{MODEL}:1.1.0")
    pandas = pytest.importorskip("pandas")
    model = my.load(f"{MODEL}:1.1.0", trust_code=True)
    rows = pandas.DataFrame([json.loads(ROW.read_text())])
    assert model.predict(rows).label[0] == "benign"


def test_notebook_push_preview_and_request(up: Up, capsys: pytest.CaptureFixture[str]) -> None:
    import modelyard as my

    datasets = pytest.importorskip("sklearn.datasets")
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = datasets.load_breast_cancer(return_X_y=True, as_frame=True)  # noqa: N806
    pipe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X, y)
    my.connect("author")
    version = my.push(pipe, name="notebook", sample=X[:5])
    answer = version.predict(X[:3])
    assert len(answer) == 3
    release = version.request_release("notebook", why="first")
    assert release.state == "pending"
    shown = capsys.readouterr().out
    assert "author @ demo" in shown
    assert "packages ✓" in shown
    assert "[Open]" in version._repr_html_()


def test_revoked_token_is_refused_within_a_second(up: Up) -> None:
    made = cli_json("--profile", "owner", "tokens", "create", "clinic-app", "--days", "1")
    until_answers(up, made["token"])
    cli_json("--profile", "owner", "tokens", "revoke", made["jti"])
    took = until(lambda: ask(up, made["token"]).status_code == 401, "the revoked token is refused")
    assert took < 5.0  # the bar of one second is measured in bench/, on a quiet machine


def test_denied_caller_gets_the_answer_of_an_absent_endpoint(up: Up) -> None:
    token = caller_token()
    until_answers(up, token)
    cli_json("--profile", "owner", "deny", "clinic-app", MODEL)
    until(lambda: ask(up, token).status_code == 404, "the denied caller is refused")
    absent = ask(up, token, "demo.absent").json()
    denied = ask(up, token).json()
    assert denied.keys() == absent.keys()
    cli_json("--profile", "owner", "allow", "clinic-app", MODEL, "--purpose", "triage")
    until_answers(up, token)


def test_backup_under_way_restores_into_an_empty_home_that_answers_the_same(up: Up, place: Path) -> None:
    token = caller_token()
    before = until_answers(up, token).json()
    file = place / "backup.tar"
    cli_json("backup", str(file), "--home", str(up.home))
    assert file.stat().st_mode & 0o077 == 0
    assert run("restore", str(file), "--home", str(up.home))[0] == 7  # not over a home that is there
    damaged = place / "damaged.tar"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    assert run("restore", str(damaged), "--home", str(place / "no"))[0] == 3
    assert not (place / "no").exists()
    restored = place / "restored"
    cli_json("restore", str(file), "--home", str(restored))
    other = start(restored, free_port())
    try:
        # An empty home has no environment yet: the node makes it from its lock, as at the first push.
        after = until_answers(other, token, 300.0).json()
        assert after["predictions"] == before["predictions"]
        assert after["version"] == before["version"]
    finally:
        other.stop()


def test_status_on_the_machine_works_past_envoy(up: Up) -> None:
    found = cli_json("status", "--home", str(up.home))
    assert found["ready"] is True
    assert len(found["nodes"]) == 1


def test_doctor_running_installation_has_no_fault(up: Up) -> None:
    assert run("doctor", "--home", str(up.home), "--port", str(up.port))[0] == 0


def test_up_killed_leaves_no_process_and_starts_again(story: tuple[Path, int], place: Path) -> None:
    running = start(place / "killed", free_port())
    running.process.send_signal(signal.SIGKILL)
    running.process.wait(10)
    until(lambda: processes_of(running.home) == [], "everything has ended")
    assert not is_held(running.home)
    assert run("doctor", "--home", str(running.home), "--port", str(running.port))[0] == 12  # the stale lock, named
    again = start(running.home, running.port)
    assert run("down", "--home", str(again.home))[0] == 0
    assert again.process.wait(30) == 0
    assert processes_of(again.home) == []


def test_up_admin_password_file_is_written_and_opens_the_door(story: tuple[Path, int], place: Path) -> None:
    file = place / "password"
    running = start(place / "home", free_port(), "--admin-password-file", str(file))
    try:
        until(file.exists, "the password is written")
        assert file.stat().st_mode & 0o077 == 0
        arguments = ("--url", running.url, "login", "--user", "admin", "--password-file", str(file))
        assert cli_json("--profile", "elsewhere", *arguments)["user"] == "admin"
        assert run("--profile", "elsewhere", "users")[0] == 0
    finally:
        running.stop()
