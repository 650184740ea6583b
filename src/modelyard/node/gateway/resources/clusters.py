"""Where Envoy sends: one cluster per version socket, and one for the control plane."""

from __future__ import annotations

from modelyard.node.gateway.resources import names, protos
from modelyard.node.gateway.resources.protos import Message

# Requests to one version that may be under way, and wait for a connection, before callers are told 429. The
# launcher's listening backlog must hold as many, as a cold worker's callers wait there.
CONNECTIONS_MAX = 512
WAITING_MAX = 1024

# Shorter than the keep-alive of the servers behind (uvicorn: 5 s): whoever closes last never loses a request.
CONTROL_IDLE_S = 4


def worker_cluster(version_id: str, socket_path: str) -> Message:
    """A version's workers behind one socket. No health check: it would wake an idle worker."""
    cluster = protos.Cluster(name=names.worker_cluster(version_id), type="STATIC")
    _connect(cluster, socket_path, idle_s=60)
    worker = cluster.load_assignment.endpoints[0].lb_endpoints[0]
    worker.metadata.filter_metadata[names.METADATA].update(names.MODEL_ANSWER_HEADERS)
    cluster.circuit_breakers.thresholds.add(
        max_connections={"value": CONNECTIONS_MAX},
        max_pending_requests={"value": WAITING_MAX},
        max_requests={"value": CONNECTIONS_MAX + WAITING_MAX},
        max_retries={"value": WAITING_MAX},
    )
    return cluster


def control_cluster(socket_path: str) -> Message:
    cluster = protos.Cluster(name=names.CONTROL_CLUSTER, type="STATIC")
    _connect(cluster, socket_path, idle_s=CONTROL_IDLE_S)
    return cluster


def _connect(cluster: Message, socket_path: str, idle_s: int) -> None:
    cluster.connect_timeout.seconds = 1
    cluster.load_assignment.cluster_name = cluster.name
    cluster.load_assignment.endpoints.add().lb_endpoints.add().endpoint.address.pipe.path = socket_path
    protocol = protos.UpstreamProtocol(
        explicit_http_config={"http_protocol_options": {}},
        common_http_protocol_options={"idle_timeout": {"seconds": idle_s}},
    )
    cluster.typed_extension_protocol_options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"].CopyFrom(
        protos.packed(protocol)
    )
