"""Model cards as HTML: the little Markdown that cards are made of, everything else as it was typed.

Headings, paragraphs, lists, bold, italics, code. No links, no images, no HTML: a card is written by whoever pushes, and
read by whoever approves.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from markupsafe import Markup, escape

_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(.*)")
_INLINE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])"), r"<em>\1</em>"),
)


def render_prose(text: str) -> Markup:
    """Escapes first, marks up after: no character of the text can become a tag of its own."""
    blocks = [block for block in re.split(r"\n\s*\n", text.strip()) if block.strip()]
    return Markup("").join(_block(block.splitlines()) for block in blocks)


def _block(lines: list[str]) -> Markup:
    heading = _HEADING.fullmatch(lines[0].strip())
    if heading:
        rest = _block(lines[1:]) if lines[1:] else Markup("")
        return Markup("<h3>{}</h3>{}").format(_inline(heading[2]), rest)
    if all(_ITEM.fullmatch(line) for line in lines):
        return Markup("<ul>{}</ul>").format(_join(lines, lambda line: Markup("<li>{}</li>").format(_item(line)), ""))
    return Markup("<p>{}</p>").format(_join(lines, _inline, "\n"))


def _item(line: str) -> Markup:
    found = _ITEM.fullmatch(line)
    return _inline(found[1] if found else line)


def _join(lines: list[str], render: Callable[[str], Markup], between: str) -> Markup:
    return Markup(between).join(render(line) for line in lines)  # noqa: S704 a constant


def _inline(text: str) -> Markup:
    marked = str(escape(text))
    for pattern, replacement in _INLINE:
        marked = pattern.sub(replacement, marked)
    return Markup(marked)  # noqa: S704 escaped above; only the tags of _INLINE were added
