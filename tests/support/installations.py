"""One real installation a test session: control plane, node, Envoy and workers, with one model released in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from bench.installation import PROJECT, Installation
from bench.installation import installation as temporary_installation
from tests.support.waiting import until

# Machines that test are busy; how fast things are is measured in bench/.
PATIENT = "timeout_s = 30"


@dataclass(frozen=True)
class Released:
    """A model that answers, and a caller that may ask it. Model and endpoint have the same name."""

    installation: Installation
    folder: Path
    model: str
    version: str
    token: str = field(repr=False)

    @property
    def endpoint(self) -> str:
        return f"{PROJECT}.{self.model}"

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def row(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "row.json").read_text()))

    def ask(self, verb: str, body: Any, **options: Any) -> httpx.Response:
        """POSTs JSON to the endpoint through Envoy, with the caller's token."""
        url = f"{self.installation.url}/v2/models/{self.endpoint}/{verb}"
        return httpx.post(url, json=body, **{"headers": self.headers, "timeout": 60, **options})

    def wait(self) -> Self:
        """Returns itself once the gateway knows the caller and the model is warm."""
        until(lambda: self.ask("predict", self.row()).status_code == 200, f"{self.endpoint} answers")
        return self


MANIFEST = """[model]
name = "{name}"
entry_point = "model:Model"
[environment]
dependencies = "requirements.txt"
[schema]
sample = "row.json"
[resources]
timeout_s = 30
"""
CODE = """class Model:
    def predict(self, rows):
        return [{"y": row["x"] * FACTOR} for row in rows]
"""


def write_small_model(folder: Path, name: str, *, factor: int = 2, **files: str) -> Path:
    """A folder that pushes as a model of one number, without any dependency. `files` replace or add, as
    `requirements_txt="numpy"`; a manifest may name itself as `{name}`."""
    contents = {
        "modelyard.toml": MANIFEST,
        "model.py": CODE.replace("FACTOR", str(factor)),
        "requirements.txt": "",
        "row.json": '{"x": 2.0}',
        **{".".join(key.rsplit("_", 1)): text for key, text in files.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in contents.items():
        (folder / path).write_text(text.replace("{name}", name) if path == "modelyard.toml" else text)
    return folder


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    with temporary_installation() as made:
        yield made


@pytest.fixture(scope="session")
def released(installation: Installation) -> Released:
    """The example, live and warm."""
    folder = installation.example("tumour")
    manifest = folder / "modelyard.toml"
    manifest.write_text(manifest.read_text().replace("timeout_s = 2", PATIENT))
    version = installation.push(folder)
    installation.release("tumour", version)
    return Released(installation, folder, "tumour", version, installation.caller_token("tumour")[0]).wait()
