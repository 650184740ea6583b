"""What a dependency file asks for."""

from __future__ import annotations

import pytest

from modelyard.builds.environments.errors import DependenciesUnreadable
from modelyard.builds.environments.requirements import requirements_of

UV_LOCK = """
version = 1
[[package]]
name = "mine"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "httpx", extra = ["http2"] },
    { name = "colorama", marker = "sys_platform == 'win32'" },
]
[[package]]
name = "httpx"
version = "0.28.1"
source = { registry = "https://index.example/simple" }
dependencies = [{ name = "idna" }]
[package.optional-dependencies]
http2 = [{ name = "h2" }]
[[package]]
name = "idna"
version = "3.10"
[[package]]
name = "h2"
version = "4.2.0"
[[package]]
name = "colorama"
version = "0.4.6"
dependencies = [{ name = "idna", marker = "python_version < '3'" }]
[[package]]
name = "never-used"
version = "1.0"
"""


def test_requirements_txt_is_taken_as_it_is() -> None:
    assert requirements_of("deps/requirements.txt", "numpy>=2\r\npandas\n") == "numpy>=2\npandas\n"


def test_pyproject_gives_its_dependencies() -> None:
    assert (
        requirements_of("pyproject.toml", '[project]\ndependencies = ["numpy>=2", "pandas"]\n') == "numpy>=2\npandas\n"
    )


def test_uv_lock_pins_what_is_reached_under_its_markers() -> None:
    assert requirements_of("uv.lock", UV_LOCK).splitlines() == [
        "colorama==0.4.6 ; ((sys_platform == 'win32'))",
        "h2==4.2.0",
        "httpx==0.28.1",
        "idna==3.10",
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("uv.lock", "x = "),
        ("uv.lock", "version = 1"),
        ("uv.lock", '[[package]]\nname = "a"\nversion = "1"\n'),
        ("uv.lock", '[[package]]\nname="a"\nsource={virtual="."}\ndependencies=[{name="gone"}]\n'),
        ("pyproject.toml", "[tool.x]\n"),
        ("pyproject.toml", '[project]\ndependencies = "numpy"\n'),
        ("setup.py", "boom()"),
    ],
)
def test_unreadable_file_says_why(path: str, text: str) -> None:
    with pytest.raises(DependenciesUnreadable, match=path):
        requirements_of(path, text)


def test_cyclic_uv_lock_ends() -> None:
    text = (
        '[[package]]\nname="r"\nsource={virtual="."}\ndependencies=[{name="a"}]\n'
        '[[package]]\nname="a"\nversion="1"\ndependencies=[{name="b", marker="x"}]\n'
        '[[package]]\nname="b"\nversion="1"\ndependencies=[{name="a", marker="y"}]\n'
    )
    assert requirements_of("uv.lock", text) == "a==1\nb==1 ; ((x))\n"
