"""What can go wrong with previews."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class PreviewVersionNotFound(PlatformError):
    kind = ErrorKind.NOT_FOUND
    code = "previews.version_not_found"
    message = "There is no version {model}:{version} in {project} that you may see."
    hint = "List them: modelyard models {model}."
