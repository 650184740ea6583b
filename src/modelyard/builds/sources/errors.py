"""This slice's errors."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class GitMissing(PlatformError):
    kind = ErrorKind.PRECONDITION
    code = "builds.git_missing"
    message = "The control plane's machine has no git, so it can't fetch {url}."
    hint = "Have the operator install git, or push the folder itself: modelyard push."


class GitUrlRefused(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.git_url_refused"
    message = "The Git address {url!r} is refused: {reason}."
    hint = "Use https://HOST/PATH or ssh://USER@HOST/PATH, without a password in it."


class GitFetchFailed(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.git_fetch_failed"
    message = "Commit {commit} could not be fetched from {url}:\n{explanation}"
    hint = "Check the address and that the commit was pushed, then retry the build."


class GitTooSlow(PlatformError):
    kind = ErrorKind.TIMEOUT
    code = "builds.git_timeout"
    message = "Fetching {url} took more than {timeout_s:.0f} s."
    hint = "Retry; large files belong into a release of data, not into the repository."


class SourceTooLarge(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.source_too_large"
    message = "The source has {got}, at most {limit} are taken."
    hint = "Leave out what the model does not need; training data stays where it is, its digest is enough."


class SourcePathRefused(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.path_refused"
    message = "The file path {path!r} is refused: {reason}."
    hint = "Paths are relative, with `/`, without `..`, and name each file once."


class FilesMissing(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.files_missing"
    message = "{count} of the push's files were not uploaded; the first is {path} ({digest})."
    hint = "Ask POST .../blobs/missing and PUT what it names, then start the build again."


class FileAbsent(PlatformError):
    kind = ErrorKind.INVALID
    code = "builds.file_absent"
    message = "modelyard.toml names {path!r}, which is not among the pushed files."
    hint = "Correct the path, or add the file to the folder. Nothing was built."
