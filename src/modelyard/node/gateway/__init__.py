"""The gateway: Envoy, configured by pure functions of desired state and fed by incremental xDS."""

from __future__ import annotations

from modelyard.node.gateway.gateway import Gateway
from modelyard.node.gateway.settings import GatewaySettings
from modelyard.node.gateway.view import GatewayView, ProbeAnswer

__all__ = ["Gateway", "GatewaySettings", "GatewayView", "ProbeAnswer"]
