"""The generated pages: path under docs/ and the function that renders it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.docs import audit_events, commands, errors, manifest, permissions, rooms, routes, settings

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES: dict[str, Callable[[], str]] = {
    "contributing/rooms.md": rooms.render,
    "reference/api.md": routes.render,
    "reference/audit-events.md": audit_events.render,
    "reference/cli.md": commands.render,
    "reference/errors.md": errors.render,
    "reference/manifest.md": manifest.render,
    "reference/permissions.md": permissions.render,
    "reference/settings.md": settings.render,
}


def stale_pages() -> dict[str, str]:
    """Pages whose file differs from what the code says now, with the text they should have."""
    stale = {}
    for name, render in PAGES.items():
        text = render()
        path = DOCS / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale[name] = text
    return stale
