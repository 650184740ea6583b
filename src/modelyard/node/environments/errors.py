"""Why there is no environment. The codes are the build's, as people meet them there."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class PythonMissing(PlatformError):
    kind = ErrorKind.PRECONDITION
    code = "builds.python_missing"
    message = "Python {python} is not on this node; it has {found}."
    hint = "Set [environment] python to one of these, or have the operator install Python {python}."


class RequirementRefused(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.requirement_refused"
    message = "Requirement line {number} is {line!r}: {reason}."
    hint = "Write package names with version bounds; other sources are named indexes that the operator sets up."


class DependencyUnresolved(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.dependency_unresolved"
    message = "The dependencies can't be resolved to wheels for Python {python}:\n{explanation}"
    hint = "Change the bounds named above; packages without wheels for this platform can't be used."


class IndexUnknown(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.index_unknown"
    message = "This node knows no package index {index!r}; it has {known}."
    hint = "Use one of these, or have the operator add [node.indexes.{index}] to config.toml."


class IndexUnreachable(PlatformError):
    kind = ErrorKind.UNAVAILABLE
    code = "builds.index_unreachable"
    message = "The package index could not be read:\n{explanation}"
    hint = "Retry; if it stays, ask the operator about the node's network, proxy and indexes."


class EnvironmentBroken(PlatformError):
    kind = ErrorKind.UNAVAILABLE
    code = "builds.environment_failed"
    message = "The environment could not be made:\n{explanation}"
    hint = "Retry; if it stays, a locked package may have left the index: push again to lock anew."


class UvTimeout(PlatformError):
    kind = ErrorKind.TIMEOUT
    code = "builds.environment_timeout"
    message = "{what} took more than {timeout_s:.0f} s."
    hint = "Retry; a first download of large packages may need longer."
