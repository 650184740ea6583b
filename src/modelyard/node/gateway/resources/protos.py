"""Envoy's protos, which have no type stubs: the one place that imports them, typed as `Any` for everybody else.

Importing this also registers every message that the JSON forms in this package name by `@type`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

Message = Any


def _load(module: str, name: str) -> Any:
    return getattr(import_module(module), name)


Any_ = _load("google.protobuf.any_pb2", "Any")
ParseDict = _load("google.protobuf.json_format", "ParseDict")
MessageToDict = _load("google.protobuf.json_format", "MessageToDict")

Listener = _load("envoy.config.listener.v3.listener_pb2", "Listener")
RouteConfiguration = _load("envoy.config.route.v3.route_pb2", "RouteConfiguration")
Route = _load("envoy.config.route.v3.route_components_pb2", "Route")
RouteList = _load("envoy.config.route.v3.route_components_pb2", "RouteList")
Cluster = _load("envoy.config.cluster.v3.cluster_pb2", "Cluster")
Bootstrap = _load("envoy.config.bootstrap.v3.bootstrap_pb2", "Bootstrap")
TypedExtensionConfig = _load("envoy.config.core.v3.extension_pb2", "TypedExtensionConfig")
RbacAction = _load("envoy.config.rbac.v3.rbac_pb2", "Action")
Matcher = _load("xds.type.matcher.v3.matcher_pb2", "Matcher")
HeaderInput = _load("envoy.type.matcher.v3.http_inputs_pb2", "HttpRequestHeaderMatchInput")

_HTTP = "envoy.extensions.filters.http"
HttpConnectionManager = _load(
    "envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2", "HttpConnectionManager"
)
JwtAuthentication = _load(f"{_HTTP}.jwt_authn.v3.config_pb2", "JwtAuthentication")
JwtPerRoute = _load(f"{_HTTP}.jwt_authn.v3.config_pb2", "PerRouteConfig")
Rbac = _load(f"{_HTTP}.rbac.v3.rbac_pb2", "RBAC")
RbacPerRoute = _load(f"{_HTTP}.rbac.v3.rbac_pb2", "RBACPerRoute")
LocalRateLimit = _load(f"{_HTTP}.local_ratelimit.v3.local_rate_limit_pb2", "LocalRateLimit")
BufferPerRoute = _load(f"{_HTTP}.buffer.v3.buffer_pb2", "BufferPerRoute")
Router = _load(f"{_HTTP}.router.v3.router_pb2", "Router")
EarlyHeaderMutation = _load(
    "envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2", "HeaderMutation"
)
FileAccessLog = _load("envoy.extensions.access_loggers.file.v3.file_pb2", "FileAccessLog")
CelFilter = _load("envoy.extensions.access_loggers.filters.cel.v3.cel_pb2", "ExpressionFilter")
UpstreamProtocol = _load("envoy.extensions.upstreams.http.v3.http_protocol_options_pb2", "HttpProtocolOptions")
DownstreamTls = _load("envoy.extensions.transport_sockets.tls.v3.tls_pb2", "DownstreamTlsContext")
ConnectionLimit = _load(
    "envoy.extensions.resource_monitors.downstream_connections.v3.downstream_connections_pb2",
    "DownstreamConnectionsConfig",
)

DeltaDiscoveryRequest = _load("envoy.service.discovery.v3.discovery_pb2", "DeltaDiscoveryRequest")
DeltaDiscoveryResponse = _load("envoy.service.discovery.v3.discovery_pb2", "DeltaDiscoveryResponse")


def type_url(message: Message) -> str:
    """The `@type` of a message or message class."""
    return f"type.googleapis.com/{message.DESCRIPTOR.full_name}"


def packed(message: Message) -> Message:
    """The message in an Any, its bytes the same every time (maps sorted)."""
    return Any_(type_url=type_url(message), value=message.SerializeToString(deterministic=True))


def parsed(message_class: Any, form: dict[str, Any]) -> Message:
    """The message that the JSON form describes. Raises ParseError on a field that does not exist."""
    return ParseDict(form, message_class())


def readable(message: Message) -> Any:
    """The JSON form, with the proto's own field names."""
    return MessageToDict(message, preserving_proto_field_name=True)
