"""Which question a path asks. The gateway in front has decided who may ask it; here only the shape counts."""

from __future__ import annotations

from dataclasses import dataclass

METHODS = {
    "infer": "POST",
    "predict": "POST",
    "ready": "GET",
    "metadata": "GET",
    "server": "GET",
    "live": "GET",
    "server_ready": "GET",
}


@dataclass(frozen=True, slots=True)
class Route:
    """`base` is the model's own path, the one that answers its schema; `version` is "" where the path names none."""

    action: str
    model: str = ""
    version: str = ""
    base: str = ""


def find_route(path: str) -> Route | None:
    """The route of `/v2/...` or `/preview/v2/...`, or None."""
    root = "/preview/v2" if path.startswith("/preview/v2") else "/v2"
    if path.rstrip("/") == root:
        return Route("server")
    if not path.startswith(f"{root}/"):
        return None
    parts = path[len(root) + 1 :].split("/")
    if parts[0] == "health" and len(parts) == 2:
        action = {"live": "live", "ready": "server_ready"}.get(parts[1])
        return Route(action) if action else None
    if parts[0] != "models" or len(parts) < 2 or not parts[1]:
        return None
    model, rest = parts[1], parts[2:]
    version = ""
    if rest[:1] == ["versions"] and len(rest) >= 2:
        version, rest = rest[1], rest[2:]
    base = f"{root}/models/{model}" + (f"/versions/{version}" if version else "")
    action = {(): "metadata", ("ready",): "ready", ("infer",): "infer", ("predict",): "predict"}.get(tuple(rest))
    return Route(action, model, version, base) if action else None
