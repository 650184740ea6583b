from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelyard.contracts.manifest import ManifestError
from modelyard.sdk.errors import ModelyardError
from modelyard.sdk.folders import read_folder

MANIFEST = """
[model]
name = "mine"
entry_point = "model:Model"
files = ["weights"]
[environment]
dependencies = "requirements.txt"
[schema]
sample = "row.json"
[data]
training = "train.csv"
[tests]
paths = ["tests"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "modelyard.toml": MANIFEST, "model.py": "class Model: ...\n", "features.py": "x = 1\n",
        "requirements.txt": "pandas\n",
        "row.json": "[]", "weights/a.bin": "a", "weights/.hidden": "no", "tests/test_model.py": "",
        "train.csv": "a,b\n1,x\n3,\n",
        "notes.txt": "stays", ".venv/lib/thing.py": "no", "venv2/pyvenv.cfg": "", "venv2/lib/other.py": "no",
        "__pycache__/model.py": "no", ".env": "SECRET=1", "metrics.json": '{"auc": 0.9}',
    }  # fmt: skip
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_read_folder_takes_python_files_and_what_the_manifest_names_and_nothing_else(folder: Path) -> None:
    assert [file.path for file in read_folder(folder).files] == [
        "features.py", "metrics.json", "model.py", "requirements.txt", "row.json", "tests/test_model.py",
        "weights/a.bin",
    ]  # fmt: skip


def test_read_folder_data_stays_and_its_digest_and_profile_go(folder: Path) -> None:
    data = read_folder(folder).data["training"]
    assert data["digest"].startswith("sha256:")
    assert data["profile"] == {
        "rows": 2,
        "columns": [{"name": "a", "nulls": 0, "min": 1.0, "max": 3.0, "mean": 2.0}, {"name": "b", "nulls": 1}],
    }


def test_read_folder_without_manifest_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ModelyardError) as caught:
        read_folder(tmp_path)
    assert (caught.value.code, "modelyard init" in caught.value.hint) == ("manifest.not_found", True)


def test_read_folder_unknown_key_is_refused_before_anything_is_read(folder: Path) -> None:
    (folder / "modelyard.toml").write_text(MANIFEST + "[resources]\nmemroy_mib = 512\n")
    with pytest.raises(ManifestError) as caught:
        read_folder(folder)
    assert "did you mean `memory_mib`?" in caught.value.report()


@pytest.mark.parametrize("gone", ["requirements.txt", "row.json", "weights/a.bin"])
def test_read_folder_missing_file_is_named(folder: Path, gone: str) -> None:
    (folder / gone).unlink()
    if gone.startswith("weights"):
        (folder / "weights" / ".hidden").unlink()
        (folder / "weights").rmdir()
    with pytest.raises(ModelyardError, match=gone.partition("/")[0]) as caught:
        read_folder(folder)
    assert caught.value.code == "builds.file_not_found"


def test_read_folder_entry_point_without_file_is_refused(folder: Path) -> None:
    (folder / "model.py").unlink()
    with pytest.raises(ModelyardError) as caught:
        read_folder(folder)
    assert caught.value.code == "builds.entry_point_not_found"


def test_read_folder_link_out_of_the_folder_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("outside") / "secret"
    secret.write_text("s")
    (folder / "row.json").unlink()
    (folder / "row.json").symlink_to(secret)
    with pytest.raises(ModelyardError) as caught:
        read_folder(folder)
    assert caught.value.code == "builds.file_outside"


@pytest.mark.parametrize("text", ["nonsense", "[1]", json.dumps({"auc": "high"}), '{"auc": NaN}'])
def test_read_folder_metrics_that_are_no_numbers_are_refused(folder: Path, text: str) -> None:
    (folder / "metrics.json").write_text(text)
    with pytest.raises(ModelyardError) as caught:
        read_folder(folder)
    assert caught.value.code == "builds.metrics_unreadable"
