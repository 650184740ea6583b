"""What can go wrong with what nodes report."""

from __future__ import annotations

from modelyard.kernel.errors import ErrorKind, PlatformError


class StatusMalformed(PlatformError):
    kind = ErrorKind.INVALID
    code = "nodes.status_malformed"
    message = "The node's status can't be read: {reason}."
    hint = "Node and control plane should be of the same version."


class NoNodeToAsk(PlatformError):
    kind = ErrorKind.UNAVAILABLE
    code = "nodes.none_to_ask"
    message = "No node spoke lately, so nobody can answer the question {question}."
    hint = "See `modelyard doctor`: is the node's process running?"
