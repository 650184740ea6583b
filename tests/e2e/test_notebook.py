"""The notebook block of the tour, executed in a real kernel, as an author who is logged in."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from bench.installation import PROJECT, Installation
from tests.support.installations import Released

from modelyard.cli.main import main

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

pytestmark = [
    pytest.mark.timeout(600),
    # Of jupyter's own parts: their event loop on this platform, and folders that they mean to move.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
CELL_TIMEOUT_S = 300

TRAIN = """
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
pipe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X, y)
"""
LOCAL_MODULE = """
import features
with_features = make_pipeline(FunctionTransformer(features.clean), LogisticRegression(max_iter=1000)).fit(X, y)
my.push(with_features, name="notebook", sample=X[:5])
"""
WITHOUT_TRUST = """
try:
    my.load("tumour@champion")
except my.ModelyardError as error:
    print(error)
"""
TRUSTED = """
model = my.load("tumour@champion", trust_code=True)
print(type(model).__name__, list(model.predict(X[:1]).columns))
"""
DATA_ONLY = """
same = my.load(f"notebook:{v.version}")
print((same.predict(X) == pipe.predict(X)).all())
"""


class Notebook:
    """A kernel in a folder; `run` gives what a cell printed and displayed."""

    def __init__(self, folder: Path) -> None:
        self._book = nbformat.v4.new_notebook()
        self._client = nbclient.NotebookClient(
            self._book, timeout=CELL_TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        )
        self._open = self._client.setup_kernel()

    def __enter__(self) -> Self:
        self._open.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._open.__exit__(*raised)

    def run(self, source: str) -> tuple[str, list[dict[str, str]]]:
        """Printed text; displayed data, each by media type. Raises CellExecutionError."""
        cell = nbformat.v4.new_code_cell(source.strip())
        self._book.cells.append(cell)
        self._client.execute_cell(cell, len(self._book.cells) - 1)
        printed = "".join(out["text"] for out in cell["outputs"] if out["output_type"] == "stream")
        return printed, [dict(out["data"]) for out in cell["outputs"] if "data" in out]


@pytest.fixture(scope="module")
def folder(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with an edit since its commit, and beside it the configuration of someone who is logged in."""
    installation.client("author")  # makes the project
    place = tmp_path_factory.mktemp("notebook")
    password = place / "password"
    password.write_text("four unrelated words here")
    admin = installation.client()
    admin.accounts.add_user("scientist", password=password.read_text())
    admin.projects.grant(PROJECT, "scientist", "developer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELYARD_CONFIG_DIR", str(place / "config"))
        for name in ("PROFILE", "URL", "TOKEN", "PROJECT"):
            patch.delenv(f"MODELYARD_{name}", raising=False)
        login = ["--url", installation.url, "login", "--user", "scientist", "--password-file", str(password)]
        assert main(login) == 0
    work = place / "work"
    work.mkdir()
    (work / "features.py").write_text("def clean(rows):\n    return rows\n")
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *arguments], cwd=work, check=True, capture_output=True)
    (work / "features.py").write_text("def clean(rows):\n    return rows.fillna(0)\n")
    return work


@pytest.fixture(scope="module")
def notebook(folder: Path) -> Iterator[Notebook]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELYARD_CONFIG_DIR", str(folder.parent / "config"))
        for name in ("PROFILE", "URL", "TOKEN", "PROJECT"):
            patch.delenv(f"MODELYARD_{name}", raising=False)
        patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
        patch.setenv("IPYTHONDIR", str(folder.parent / "ipython"))
        with Notebook(folder) as opened:
            opened.run(TRAIN)
            yield opened


def test_notebook_block_of_the_tour_line_by_line(notebook: Notebook, installation: Installation) -> None:
    printed, displayed = notebook.run("import modelyard as my; my.connect()")
    assert printed == f"scientist @ {PROJECT}, 127.0.0.1:{installation.port} ✓\n"
    assert displayed == []

    printed, displayed = notebook.run('v = my.push(pipe, name="notebook", sample=X[:5])')
    first, second = printed.splitlines()
    assert re.fullmatch(r"packages ✓ git [0-9a-f]{4,}\+diff ✓ build \d+\.\d s", first), first
    assert second.startswith("notebook 1.0.0  [Open] ")
    assert displayed == []
    shown = notebook.run("v")[1][0]["text/html"]
    assert "notebook 1.0.0" in shown
    assert "[Open]" in shown
    assert "[Preview]" in shown

    frame = notebook.run("v.predict(X[:1])")[1][0]
    assert "<table" in frame["text/html"]  # a DataFrame, shown as one
    printed, _ = notebook.run('r = v.request_release("notebook", why="first")')
    number = int(notebook.run("print(r.number)")[0])
    assert printed == f"Release {number} waits for a reviewer other than scientist.\n"

    release = installation.client("reviewer").releases.get_release(number)
    assert (release.state, release.model, release.version, release.endpoint) == (
        "pending", "notebook", "1.0.0", "notebook",
    )  # fmt: skip


def test_notebook_local_module_is_refused_before_anything_is_sent(
    notebook: Notebook, installation: Installation
) -> None:
    notebook.run("import modelyard as my; my.connect()")
    builds = len(list(installation.client("author").builds.list_builds(PROJECT)))
    with pytest.raises(nbclient.exceptions.CellExecutionError) as caught:
        notebook.run(LOCAL_MODULE)
    assert caught.value.ename == "ModelyardError"
    assert caught.value.evalue == (
        "the model uses features.clean (./features.py), which no dependency provides.\n"
        "Expected every import to come from the lock or from pushed files.\n"
        'Next: my.push(…, files=["features.py"]). Nothing uploaded.        builds.local_module'
    )
    assert len(list(installation.client("author").builds.list_builds(PROJECT))) == builds


def test_notebook_load_of_data_alone_needs_no_trust_and_code_does(notebook: Notebook, released: Released) -> None:
    author = released.installation.client("author")
    author.models.set_alias(PROJECT, released.model, "champion", released.version)
    printed, _ = notebook.run(WITHOUT_TRUST)
    assert "is the class model:Tumour, which runs code when it is loaded." in printed
    assert f'my.load("tumour:{released.version}", trust_code=True)' in printed
    assert notebook.run(TRUSTED)[0] == "Tumour ['label', 'p_malignant']\n"
    assert notebook.run(DATA_ONLY)[0] == "True\n"
