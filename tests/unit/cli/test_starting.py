"""`init`, and the checks of `test` on what it wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelyard.cli.main import main
from modelyard.cli.readiness import list_readiness
from modelyard.cli.starting import EXAMPLES
from modelyard.contracts.manifest import parse

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_init_skeleton_is_tested_before_anything_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pandas")
    assert main(["init", "mine"]) == 0
    assert "Missing for production:" in capsys.readouterr().err
    assert parse(Path("mine/modelyard.toml").read_text()).model.name == "mine"
    assert main(["test", "mine"]) == 0
    assert "pytest 2/2 ✓" in capsys.readouterr().out


def test_init_example_has_everything_but_what_training_writes() -> None:
    assert main(["init", "mine", "--example", "tumour"]) == 0
    manifest = parse(Path("mine/modelyard.toml").read_text())
    absent = [path for path in manifest.referenced_paths() if not Path("mine", path).exists()]
    assert absent == ["model.skops"]
    assert json.loads(Path("mine/.modelyard/manifest.schema.json").read_text())["title"] == "modelyard.toml"


def test_init_over_a_folder_of_mine_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    Path("mine/model.py").write_text("my own")
    assert main(["init", "mine"]) == 7
    assert Path("mine/model.py").read_text() == "my own"
    assert list(Path("mine").iterdir()) == [Path("mine/model.py")]
    assert "model.py already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Mine", "my model", "1st"])
def test_init_name_that_can_name_no_model_is_refused(name: str) -> None:
    assert main(["init", name]) == 3
    assert not Path(name).exists()


def test_readiness_turns_point_by_point() -> None:
    assert main(["init", "mine"]) == 0
    before = {point.name: point.is_there for point in list_readiness(Path("mine"))}
    assert before["tests"]
    assert not before["metrics"]
    Path("mine/metrics.json").write_text('{"auc": 0.9}')
    after = {point.name: point.is_there for point in list_readiness(Path("mine"))}
    assert after["metrics"]


def test_examples_of_the_repository_are_those_in_the_package() -> None:
    # A link, so that a person finds them at the top and a wheel holds them; a copy would drift.
    assert (REPOSITORY / "examples" / "tumour").resolve() == (EXAMPLES / "tumour").resolve()
    assert (REPOSITORY / "examples" / "tumour" / "CARD.md").is_file()


def test_test_failing_example_says_what_was_got(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pandas")
    assert main(["init", "mine"]) == 0
    with Path("mine/modelyard.toml").open("a") as manifest:
        manifest.write('[[examples]]\ninput = "row.json"\nexpect.score = { min = 0.9 }\n')
    capsys.readouterr()
    assert main(["test", "mine"]) == 12
    shown = capsys.readouterr().err
    assert "got 0.5, expected at least 0.9" in shown
    assert "builds.example_failed" in shown


def test_test_module_that_was_not_pushed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pandas")
    assert main(["init", "mine"]) == 0
    Path("elsewhere.py").write_text("")  # beside the folder, not in it
    code = Path("mine/model.py").read_text().replace("import pandas as pd", "import elsewhere\nimport pandas as pd")
    Path("mine/model.py").write_text(code)
    capsys.readouterr()
    assert main(["test", "mine"]) == 12
    assert "builds.local_module" in capsys.readouterr().err
