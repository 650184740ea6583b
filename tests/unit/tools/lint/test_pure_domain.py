from __future__ import annotations

import pytest
from tools.lint.rules import pure_domain

PATH = "src/modelyard/deployment/releases/domain.py"


@pytest.mark.parametrize(
    "text",
    [
        "import sqlalchemy",
        "import time",
        "from os import path",
        "import urllib.request",
        "async def f(): ...",
        "x = datetime.now(UTC)",
        "x = open('f')",
        "x = new_id('re')",
        "print('x')",
    ],
)
def test_domain_that_does_something_is_found(lint, text):
    assert len(lint(pure_domain, {PATH: text})) == 1
    assert lint(pure_domain, {PATH.replace("domain", "service"): text}) == []


def test_domain_that_decides_passes(lint):
    text = "from datetime import datetime\ndef is_expired(at: datetime, now: datetime) -> bool:\n    return at <= now\n"
    assert lint(pure_domain, {PATH: text}) == []
