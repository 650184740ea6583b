"""The installation's own keys, and what a node is told to trust."""

from modelyard.trust.keys.node_trust import NodeTrust, read_node_trust, write_node_trust
from modelyard.trust.keys.ring import KeyRing

__all__ = ["KeyRing", "NodeTrust", "read_node_trust", "write_node_trust"]
