"""The names that several resources share. A prediction's headers are a contract with callers and workers."""

from __future__ import annotations

from modelyard.node.gateway.resources import protos

LISTENER = "public"
ROUTES = "public"
CONTROL_CLUSTER = "control_plane"
XDS_CLUSTER = "xds"

JWT_FILTER = "modelyard.jwt"
REVOKED_FILTER = "modelyard.revoked"
CALLERS_FILTER = "modelyard.callers"
RATE_FILTER = "modelyard.rate"
BODY_FILTER = "modelyard.body"
REVOKED_POLICY = "revoked"

HEADER_PREFIX = "x-modelyard-"
CALLER_HEADER = "x-modelyard-caller"
TOKEN_HEADER = "x-modelyard-token"  # noqa: S105 a name
ENDPOINT_HEADER = "x-modelyard-endpoint"
VERSION_HEADER = "x-modelyard-version"
REQUEST_ID_HEADER = "x-request-id"

# Where routes keep what stamps, access log and error texts need: %METADATA(ROUTE:modelyard:endpoint)%.
METADATA = "modelyard"

# Answers come from a model: a browser must neither guess a type nor run anything out of them.
MODEL_ANSWER_HEADERS = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}

AUDIENCE = "modelyard"

CLUSTER_TYPE = protos.type_url(protos.Cluster)
LISTENER_TYPE = protos.type_url(protos.Listener)
ROUTES_TYPE = protos.type_url(protos.RouteConfiguration)
EXTENSION_TYPE = protos.type_url(protos.TypedExtensionConfig)


def worker_cluster(version_id: str) -> str:
    return f"worker.{version_id}"


def worker_metadata(key: str) -> str:
    """The format operator that gives what the worker's cluster says; nothing for requests that reached no worker."""
    return f'%UPSTREAM_METADATA(["{METADATA}", "{key}"])%'


def route_metadata(key: str) -> str:
    """The format operator that gives what the matched route says of itself."""
    return f"%METADATA(ROUTE:{METADATA}:{key})%"
