"""What can go wrong with projects."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class ProjectNotFound(PlatformError):
    """It does not exist, or the caller is no member: the two look the same."""

    kind = ErrorKind.NOT_FOUND
    code = "projects.not_found"
    message = "There is no project {name!r} that you may see."
    hint = "List yours: modelyard projects. Or ask the project's owner to add you."


class ProjectNameTaken(PlatformError):
    kind = ErrorKind.CONFLICT
    code = "projects.name_taken"
    message = "A project named {name!r} exists already."
    hint = "Choose another name; a project's name is never given away again."
