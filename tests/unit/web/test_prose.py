"""Model cards as HTML."""

from __future__ import annotations

import pytest

from modelyard.web.prose import render_prose


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# Title", "<h3>Title</h3>"),
        ("## Title\nand text", "<h3>Title</h3><p>and text</p>"),
        ("one\ntwo\n\nthree", "<p>one\ntwo</p><p>three</p>"),
        ("- one\n- **two**", "<ul><li>one</li><li><strong>two</strong></li></ul>"),
        (
            "**Use.** `x_1` is *new*; 2 * 3 * 4",
            "<p><strong>Use.</strong> <code>x_1</code> is <em>new</em>; 2 * 3 * 4</p>",
        ),
        ("", ""),
    ],
)
def test_prose_marks_up_what_cards_are_made_of(text: str, html: str) -> None:
    assert render_prose(text) == html


@pytest.mark.parametrize(
    "text", ["<script>x</script>", "**<b>**", "`<i>`", "# <u>", "- <a href=x>", "[x](javascript:y)"]
)
def test_prose_lets_no_tag_of_the_text_through(text: str) -> None:
    html = str(render_prose(text))
    for tag in ("<script", "<b>", "<i>", "<u>", "<a"):
        assert tag not in html
