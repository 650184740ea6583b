"""What may stand in requirements and locks."""

from __future__ import annotations

import pytest

from modelyard.node.environments.errors import RequirementRefused
from modelyard.node.environments.locking import check_requirements, list_packages

LOCK = """\
numpy==2.4.6 \\
    --hash=sha256:00 \\
    --hash=sha256:11
typing-extensions==4.12.0 ; python_version < '3.12' \\
    --hash=sha256:22
"""


def test_requirements_plain_pass() -> None:
    check_requirements("# wanted\nnumpy>=2,<3  # why\npandas[parquet]==3.* ; python_version >= '3.11'\n\n")
    check_requirements(LOCK, locked=True)


@pytest.mark.parametrize(
    "line",
    [
        "-r /etc/passwd", "-e .", "--index-url https://example.org", "--find-links /tmp", "-c other.txt",
        "six @ https://example.org/six.whl", "git+https://example.org/six", "./local", "../up", "/abs/six.whl",
        "file:///etc/passwd", "--hash=sha256:00", ".",
    ],
)  # fmt: skip
def test_requirements_that_name_a_source_are_refused(line: str) -> None:
    with pytest.raises(RequirementRefused):
        check_requirements(f"numpy\n{line}\n")


def test_lock_with_option_is_refused() -> None:
    with pytest.raises(RequirementRefused):
        check_requirements(LOCK + "--extra-index-url https://example.org\n", locked=True)


def test_packages_of_lock_are_listed_in_order() -> None:
    assert list_packages(LOCK) == [
        {"name": "numpy", "version": "2.4.6"},
        {"name": "typing-extensions", "version": "4.12.0"},
    ]
