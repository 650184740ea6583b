"""This slice's errors."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class DependenciesUnreadable(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.dependencies_unreadable"
    message = "{path}: {reason}."
    hint = "Name a requirements.txt, a pyproject.toml with [project] dependencies, or a uv.lock in [environment]."
