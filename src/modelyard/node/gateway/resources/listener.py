"""The one listener on TCP: what every request goes through, in order. It changes only with the node's settings."""

from __future__ import annotations

from typing import Any

from modelyard.node.gateway.resources import names, protos
from modelyard.node.gateway.resources.access_format import access_log
from modelyard.node.gateway.resources.local_replies import local_replies
from modelyard.node.gateway.resources.protos import Message
from modelyard.node.gateway.settings import GatewaySettings

# Headers that only we or Envoy may set, or that ask a server to believe in another path than the one checked.
CLIENT_PREFIXES_REMOVED = (names.HEADER_PREFIX, "x-envoy-")
CLIENT_HEADERS_REMOVED = (
    names.REQUEST_ID_HEADER,
    "proxy-authorization",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
)
SILENT_S = 60
HEADERS_S = 10
KEPT_ALIVE_S = 300
DRAIN_S = 5


def public_listener(settings: GatewaySettings) -> Message:
    chain: dict[str, Any] = {
        "filters": [
            {
                "name": "http",
                "typed_config": {"@type": protos.type_url(protos.HttpConnectionManager), **_manager(settings)},
            }
        ]
    }
    if settings.certificate_file and settings.key_file:
        chain["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {"@type": protos.type_url(protos.DownstreamTls), **_tls(settings)},
        }
    form = {
        "name": names.LISTENER,
        "address": {"socket_address": {"address": settings.listen_address, "port_value": settings.port}},
        # With it, a second gateway on the same port would silently take half of the connections.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": 1024 * 1024,
        "filter_chains": [chain],
    }
    return protos.parsed(protos.Listener, form)


def _tls(settings: GatewaySettings) -> dict[str, Any]:
    certificate = {
        "certificate_chain": {"filename": str(settings.certificate_file)},
        "private_key": {"filename": str(settings.key_file)},
    }
    return {
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificates": [certificate],
        }
    }


def _manager(settings: GatewaySettings) -> dict[str, Any]:
    return {
        "stat_prefix": "public",
        "rds": {"route_config_name": names.ROUTES, "config_source": _ads()},
        "http_filters": _filters(settings),
        "access_log": [access_log(settings)],
        "local_reply_config": local_replies(),
        # One spelling of a path before anything is matched on it.
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        # Nobody's address is trusted, nor anybody's forwarded one: loopback is a client like any other.
        "use_remote_address": True,
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        "early_header_mutation_extensions": [_strip_client_headers()],
        "generate_request_id": True,
        "always_set_request_id_in_response": True,
        "server_name": "modelyard",
        "max_request_headers_kb": 32,
        "common_http_protocol_options": {
            "idle_timeout": f"{KEPT_ALIVE_S}s",
            "max_headers_count": 100,
            # `x_modelyard_caller` is `x-modelyard-caller` to many a server.
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 256,
            "initial_stream_window_size": 1024 * 1024,
            "initial_connection_window_size": 4 * 1024 * 1024,
        },
        "request_headers_timeout": f"{HEADERS_S}s",
        # No total for reading a request: uploads take what they take, silence is what ends them.
        "request_timeout": "0s",
        "stream_idle_timeout": f"{SILENT_S}s",
        "drain_timeout": f"{DRAIN_S}s",
        "delayed_close_timeout": "1s",
    }


def _filters(settings: GatewaySettings) -> list[dict[str, Any]]:
    """Who are you, was that revoked, may you, how often, how much; then the router. Denial is the base."""
    return [
        _discovered(names.JWT_FILTER, protos.type_url(protos.JwtAuthentication)),
        _discovered(names.REVOKED_FILTER, protos.type_url(protos.Rbac)),
        _filter(names.CALLERS_FILTER, {"@type": protos.type_url(protos.Rbac), "matcher": {"on_no_match": _DENY}}),
        _filter(names.RATE_FILTER, {"@type": protos.type_url(protos.LocalRateLimit), "stat_prefix": "rate"}),
        _filter(
            names.BODY_FILTER,
            {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
                "max_request_bytes": settings.body_bytes_max,
            },
        ),
        _filter("router", {"@type": protos.type_url(protos.Router), "suppress_envoy_headers": True}),
    ]


_DENY = {
    "action": {
        "name": "deny",
        "typed_config": {"@type": protos.type_url(protos.RbacAction), "name": "deny", "action": "DENY"},
    }
}


def _filter(name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "typed_config": config}


def _discovered(name: str, type_url: str) -> dict[str, Any]:
    return {"name": name, "config_discovery": {"config_source": _ads(), "type_urls": [type_url]}}


def _ads() -> dict[str, Any]:
    return {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}


def _strip_client_headers() -> dict[str, Any]:
    mutations: list[dict[str, Any]] = [
        {"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in CLIENT_PREFIXES_REMOVED
    ]
    mutations += [{"remove": header} for header in CLIENT_HEADERS_REMOVED]
    return {
        "name": "modelyard.strip",
        "typed_config": {"@type": protos.type_url(protos.EarlyHeaderMutation), "mutations": mutations},
    }
