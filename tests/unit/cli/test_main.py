from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from modelyard.cli.main import _MODULES, COMMANDS, cli, main


@pytest.fixture(autouse=True)
def _nobody_logged_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MODELYARD_CONFIG_DIR", str(tmp_path / "config"))
    for name in ("PROFILE", "URL", "TOKEN", "PROJECT"):
        monkeypatch.delenv(f"MODELYARD_{name}", raising=False)


def test_every_command_loads_and_takes_the_global_options_after_its_name() -> None:
    context = click.Context(cli)
    for name in _MODULES:
        command = cli.get_command(context, name)
        assert command is not None, name
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--json", "--profile", "--project", "--url"} <= options, name


def test_every_command_says_what_it_does() -> None:
    context = click.Context(cli)
    for name in _MODULES:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.help, name
        verbs = command.commands.values() if isinstance(command, click.Group) else ()
        for verb in verbs:
            assert verb.help, f"{name} {verb.name}"


def test_every_promised_command_is_there() -> None:
    promised = (
        "init test serve up down status login logout push builds models release approve reject predict rollback logs "
        "lineage audit allow deny tokens users projects backup restore doctor diff pull config completion"
    )
    assert set(promised.split()) <= {name for group in COMMANDS.values() for name in group}


def test_help_imports_neither_http_nor_tables() -> None:
    code = (
        "import sys; from modelyard.cli.main import main; main(['--help']); "
        "print(sorted({'httpx', 'rich', 'pandas', 'modelyard.sdk'} & set(sys.modules)), file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stderr.strip() == "[]"
    assert "Bring it to production" in answer.stdout


def test_main_unknown_command_suggests_and_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["aprove"]) == 2
    assert "Did you mean 'approve'?" in capsys.readouterr().err


def test_main_nobody_logged_in_exits_4_with_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 4
    assert "modelyard login --user NAME" in capsys.readouterr().err


def test_main_error_with_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 4
    assert json.loads(capsys.readouterr().err)["code"] == "client.not_logged_in"


def test_main_bad_reference_exits_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "tumour", "--to", "mine"]) == 3
    assert "expected a version such as tumour:1.1.0" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_line_for_a_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"_MODELYARD_COMPLETE={shell}_source" in capsys.readouterr().out
