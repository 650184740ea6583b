"""The requirement lines that a project's dependency file stands for. Pure; reads text, runs nothing.

`requirements.txt` is taken as it is (the node refuses lines that name addresses or options), `pyproject.toml` gives
its `[project] dependencies`, and `uv.lock` gives every package at its locked version under the markers of the paths
that lead to it, which the node then locks by hash for its own platform.
"""

from __future__ import annotations

import tomllib
from typing import Any

from modelyard.builds.environments.errors import DependenciesUnreadable

PACKAGES_MAX = 5000


def requirements_of(path: str, text: str) -> str:
    """Requirement lines. Raises DependenciesUnreadable."""
    name = path.rpartition("/")[2]
    if name == "uv.lock":
        return _from_uv_lock(path, _toml(path, text))
    if name == "pyproject.toml":
        return _from_pyproject(path, _toml(path, text))
    if name.endswith((".txt", ".in")):
        return text.replace("\r\n", "\n")
    raise DependenciesUnreadable(path=path, reason="its name says none of the formats we read")


def _toml(path: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as cause:
        raise DependenciesUnreadable(path=path, reason=f"it is no TOML: {cause}") from cause


def _from_pyproject(path: str, root: dict[str, Any]) -> str:
    project = root.get("project")
    lines = project.get("dependencies") if isinstance(project, dict) else None
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise DependenciesUnreadable(path=path, reason="it has no list [project] dependencies")
    return "".join(f"{line}\n" for line in lines)


def _from_uv_lock(path: str, root: dict[str, Any]) -> str:
    packages = root.get("package")
    if not isinstance(packages, list) or len(packages) > PACKAGES_MAX or not all(isinstance(p, dict) for p in packages):
        raise DependenciesUnreadable(path=path, reason="it has no list of packages")
    by_name: dict[str, dict[str, Any]] = {str(package.get("name")): package for package in packages}
    roots = [p for p in packages if {"virtual", "editable", "directory"} & set(_source(p))]
    if not roots:
        raise DependenciesUnreadable(path=path, reason="it names no project of its own")
    markers: dict[str, set[str]] = {}
    waiting = [(edge, "") for package in roots for edge in package.get("dependencies", [])]
    while waiting:
        edge, above = waiting.pop()
        name = str(edge.get("name"))
        marker = " and ".join(part for part in (above, _bracketed(edge.get("marker"))) if part)
        known = markers.setdefault(name, set())
        if "" in known or marker in known or len(known) > 20:
            continue
        known.add(marker)
        package = by_name.get(name)
        if package is None or "version" not in package:
            raise DependenciesUnreadable(path=path, reason=f"it lacks the package {name!r} that it refers to")
        extras = package.get("optional-dependencies", {})
        wanted = [dependency for extra in edge.get("extra", []) for dependency in extras.get(extra, [])]
        waiting += [(inner, marker) for inner in (*package.get("dependencies", []), *wanted)]
    return "".join(_line(by_name[name], found) for name, found in sorted(markers.items()))


def _line(package: dict[str, Any], markers: set[str]) -> str:
    pinned = f"{package['name']}=={package['version']}"
    if "" in markers:
        return pinned + "\n"
    return f"{pinned} ; {' or '.join(f'({marker})' for marker in sorted(markers))}\n"


def _source(package: dict[str, Any]) -> dict[str, Any]:
    source = package.get("source")
    return source if isinstance(source, dict) else {}


def _bracketed(marker: Any) -> str:
    return f"({marker})" if isinstance(marker, str) and marker else ""
