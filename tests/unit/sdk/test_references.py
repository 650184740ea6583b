from __future__ import annotations

import pytest

from modelyard.sdk.errors import ModelyardError
from modelyard.sdk.references import Reference, parse_reference


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tumour:1.1.0", Reference("tumour", "1.1.0")),
        ("tumour@champion", Reference("tumour", "@champion")),
        ("demo/tumour:1.0.0-rc.1", Reference("tumour", "1.0.0-rc.1", "demo")),
    ],
)
def test_parse_reference_good_forms(text: str, found: Reference) -> None:
    assert parse_reference(text) == found


@pytest.mark.parametrize(
    "text", ["tumour", "Tumour:1", "a/b/c:1", "tumour:../x", "tumour:1/2", "", "tumour:", ":1.0.0"]
)
def test_parse_reference_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ModelyardError):
        parse_reference(text)


def test_parse_reference_without_version_where_none_is_needed() -> None:
    assert parse_reference("tumour", version_needed=False) == Reference("tumour")
