"""Pure functions from settings and a view to Envoy's resources. No I/O, no clock."""

from __future__ import annotations

from modelyard.node.gateway.resources import names
from modelyard.node.gateway.resources.snapshot import Resource, Snapshot, SnapshotBuilder, readable_snapshot

__all__ = ["Resource", "Snapshot", "SnapshotBuilder", "names", "readable_snapshot"]
