"""What can go wrong with enrolling nodes."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class NodeNameTaken(PlatformError):
    """Another key is enrolled under the name: the node's folder was lost or swapped."""

    kind = ErrorKind.CONFLICT
    code = "nodes.name_taken"
    message = "A node named {name!r} is enrolled with another key."
    hint = "Restore the node's key file from a backup, or revoke the old node first."
