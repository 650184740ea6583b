"""The little that Envoy is told by file: who it is, where its configuration comes from, where its admin listens."""

from __future__ import annotations

from typing import Any

from modelyard.node.gateway.resources import names, protos
from modelyard.node.gateway.settings import GatewaySettings

CONNECTIONS_MAX = 20_000
# Statistics of a few thousand clusters would be most of Envoy's memory; these are the ones that somebody reads.
STATISTICS = ("http.public.", "listener.", "server.", "cluster_manager.", "listener_manager.", "control_plane.")


def bootstrap(settings: GatewaySettings) -> dict[str, Any]:
    """The bootstrap in its JSON form, checked against the proto. Raises ParseError when a field does not exist."""
    form: dict[str, Any] = {
        "node": {"id": "gateway", "cluster": "modelyard"},
        "admin": {"address": {"pipe": {"path": str(settings.admin_socket), "mode": 0o600}}},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": names.XDS_CLUSTER}}],
            },
            "cds_config": {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"},
            "lds_config": {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"},
        },
        "static_resources": {"clusters": [_xds_cluster(settings)]},
        "stats_config": {
            "stats_matcher": {"inclusion_list": {"patterns": [{"prefix": prefix} for prefix in STATISTICS]}}
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": protos.type_url(protos.ConnectionLimit),
                        "max_active_downstream_connections": CONNECTIONS_MAX,
                    },
                }
            ]
        },
    }
    protos.parsed(protos.Bootstrap, form)
    return form


def _xds_cluster(settings: GatewaySettings) -> dict[str, Any]:
    address = {"pipe": {"path": str(settings.xds_socket)}}
    return {
        "name": names.XDS_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": names.XDS_CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": protos.type_url(protos.UpstreamProtocol),
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }
