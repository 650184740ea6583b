"""Static files: our own and the fonts of installed packages, nothing from elsewhere. Cached for good by content."""

from __future__ import annotations

import hashlib
import importlib.resources
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable

from fastapi import APIRouter
from fastapi.responses import Response

from modelyard.kernel.errors import NotFound

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".ttf": "font/ttf"}
_OWN = ("modelyard.css", "modelyard.js", "icon.svg")
_FONTS = {"fonts/inter.ttf": ("fontpkg_inter", "Inter[opsz,wght].ttf"),
          "fonts/jetbrains-mono.ttf": ("fontpkg_jetbrains_mono", "JetBrainsMono[wght].ttf")}  # fmt: skip
_CACHE = {"cache-control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str
    revision: str


@cache
def find_asset(name: str) -> Asset | None:
    """A static file by the name of its URL; only names on the list exist, so no path is ever built from a request."""
    source = _source(name)
    if source is None:
        return None
    content = source.read_bytes()
    return Asset(content, _KINDS["." + name.rpartition(".")[2]], hashlib.sha256(content).hexdigest()[:10])


def asset_url(name: str) -> str:
    """The address with its content's revision, so that a changed file is a new address."""
    asset = find_asset(name)
    return f"/static/{name}?{asset.revision}" if asset else f"/static/{name}"


def _source(name: str) -> Traversable | None:
    if name in _OWN:
        return importlib.resources.files("modelyard.web") / "static" / name
    if name in _FONTS:
        package, file = _FONTS[name]
        return importlib.resources.files(package) / "files" / file
    return None


def router() -> APIRouter:
    """`/static/...`, for everyone: style, script and fonts say nothing of anybody."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/static/{name:path}")
    def static_file(name: str) -> Response:  # lint-skip: route-permission a stale cookie must not cost the style
        asset = find_asset(name)
        if asset is None:
            raise NotFound(what="file", name=name)
        return Response(asset.content, media_type=asset.media_type, headers=_CACHE)

    return routes
