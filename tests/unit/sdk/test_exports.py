"""The names that notebooks and programs rely on; a name that vanishes breaks somebody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import modelyard
from modelyard import sdk


def test_package_exports_the_names_of_a_notebook() -> None:
    assert modelyard.__all__ == [
        "Client", "ModelyardError", "__version__", "connect", "load", "model", "push", "version",
    ]  # fmt: skip
    for name in modelyard.__all__:
        assert getattr(modelyard, name) is not None


def test_sdk_exports_every_error_and_handle() -> None:
    assert set(sdk.__all__) == {
        "BuildFailed", "Client", "Conflict", "Denied", "EndpointHandle", "InvalidRequest", "Limited", "ModelyardError",
        "NotFound", "ServerFault", "StaleEdit", "TimedOut", "Unauthenticated", "Unavailable", "VersionHandle",
        "connect", "load", "model", "push", "version",
    }  # fmt: skip
    for name in sdk.__all__:
        assert getattr(sdk, name) is not None


def test_import_loads_nothing_heavy() -> None:
    code = "import modelyard; print(sorted({'httpx', 'click', 'pandas', 'typing'} & set(sys.modules)))"
    command = [sys.executable, "-I", "-S", "-c", _with_path(code)]
    command = [sys.executable, "-I", "-S", "-c", _with_path(code)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def _with_path(code: str) -> str:
    return f"import sys; sys.path.insert(0, {str(Path(modelyard.__file__).parent.parent)!r}); {code}"
