"""Everything Envoy should have, as versioned bytes, made anew from a view: what did not change is not made again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from modelyard.node.gateway.resources import clusters, filters, listener, names, protos, routes
from modelyard.node.gateway.resources.endpoints import Target, target_route
from modelyard.node.gateway.resources.protos import Message
from modelyard.node.gateway.resources.targets import list_targets
from modelyard.node.gateway.settings import GatewaySettings
from modelyard.node.gateway.view import GatewayView


@dataclass(frozen=True, slots=True)
class Resource:
    """A serialized resource; the version is a digest of its bytes."""

    version: str
    value: bytes


Resources = Mapping[str, Resource]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Type URL -> name -> resource. Equal views give equal snapshots."""

    by_type: Mapping[str, Resources] = field(default_factory=lambda: MappingProxyType({}))

    def of_type(self, type_url: str) -> Resources:
        return self.by_type.get(type_url, {})

    def with_type(self, type_url: str, resources: Resources) -> Snapshot:
        return Snapshot({**self.by_type, type_url: resources})


class SnapshotBuilder:
    """Pure but for its memory of what it has made: equal inputs always give equal snapshots."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._listener = _resource(listener.public_listener(settings))
        self._control = _resource(clusters.control_cluster(str(settings.control_socket)))
        self._fixed = {
            has_state: [routes.map_entry(*item) for item in routes.fixed_entries(has_state).items()]
            for has_state in (False, True)
        }
        self._entries: dict[str, tuple[Target, bytes]] = {}
        self._clusters: dict[str, tuple[str, Resource]] = {}

    def build(self, view: GatewayView | None) -> Snapshot:
        """The snapshot of a view; of None before there was any desired state."""
        desired = view.desired if view else None
        extensions = {
            names.JWT_FILTER: _resource(filters.jwt_filter(desired)),
            names.REVOKED_FILTER: _resource(filters.revoked_filter(desired)),
        }
        return Snapshot(
            {
                names.CLUSTER_TYPE: self._build_clusters(view.sockets if view else {}),
                names.EXTENSION_TYPE: extensions,
                names.LISTENER_TYPE: {names.LISTENER: self._listener},
                names.ROUTES_TYPE: {names.ROUTES: self._build_routes(view)},
            }
        )

    def _build_clusters(self, sockets: Mapping[str, str]) -> Resources:
        kept: dict[str, tuple[str, Resource]] = {}
        for version_id, path in sockets.items():
            known = self._clusters.get(version_id)
            if known is None or known[0] != path:
                known = (path, _resource(clusters.worker_cluster(version_id, path)))
            kept[version_id] = known
        self._clusters = kept
        made = {names.worker_cluster(version_id): resource for version_id, (_, resource) in kept.items()}
        return {names.CONTROL_CLUSTER: self._control, **made}

    def _build_routes(self, view: GatewayView | None) -> Resource:
        kept: dict[str, tuple[Target, bytes]] = {}
        for target in list_targets(view, self._settings.body_bytes_max) if view else ():
            known = self._entries.get(target.prefix)
            if known is None or known[0] != target:
                route = target_route(target, self._settings.body_bytes_max)
                known = (target, routes.map_entry(target.prefix, route))
            kept[target.prefix] = known
        self._entries = kept
        entries = [*self._fixed[view is not None], *(entry for _, entry in kept.values())]
        configuration = routes.route_configuration(entries)
        # Versioned by its parts: serializing the map in sorted order costs more than the rest of a change.
        digest = hashlib.blake2b(b"".join(sorted(entries)), digest_size=16).hexdigest()
        return Resource(digest, configuration.SerializeToString())


def _resource(message: Message) -> Resource:
    value = message.SerializeToString(deterministic=True)
    return Resource(hashlib.blake2b(value, digest_size=16).hexdigest(), value)


def readable_snapshot(snapshot: Snapshot) -> dict[str, dict[str, object]]:
    """The snapshot as JSON, for people and golden files."""
    classes = {
        names.CLUSTER_TYPE: protos.Cluster,
        names.EXTENSION_TYPE: protos.TypedExtensionConfig,
        names.LISTENER_TYPE: protos.Listener,
        names.ROUTES_TYPE: protos.RouteConfiguration,
    }
    return {
        type_url.rpartition(".")[2]: {
            name: protos.readable(classes[type_url].FromString(resource.value))
            for name, resource in sorted(resources.items())
        }
        for type_url, resources in snapshot.by_type.items()
    }
