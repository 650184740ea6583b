"""The configuration server: incremental aggregated xDS over a private Unix socket.

It holds one wanted snapshot and one stream at a time (Envoy's). Everything is by state: what the stream has confirmed
is compared with what is wanted, so a restarted Envoy is brought up to date the same way as a running one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from modelyard.node.gateway.resources import Snapshot, names, protos

METHOD = "DeltaAggregatedResources"
SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
ORDER = (names.CLUSTER_TYPE, names.EXTENSION_TYPE, names.LISTENER_TYPE, names.ROUTES_TYPE)
# Envoy subscribes to these without names; an answer is owed even when there is nothing.
WILDCARD = frozenset({names.CLUSTER_TYPE, names.LISTENER_TYPE})

log = logging.getLogger(__name__)


class Rejected(Exception):
    """Envoy's own words on a configuration that it did not take."""

    def __init__(self, type_url: str, reason: str) -> None:
        super().__init__(reason)
        self.what = type_url.rpartition(".")[2]
        self.reason = reason


@dataclass(slots=True)
class _Stream:
    """What one connection of Envoy's asked for, was sent and has confirmed: type -> name -> version."""

    context: Any
    subscribed: dict[str, set[str]] = field(default_factory=dict)
    sent: dict[str, dict[str, str]] = field(default_factory=dict)
    confirmed: dict[str, dict[str, str]] = field(default_factory=dict)
    in_flight: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    nonces: int = 0


class XdsServer:
    """`publish` a snapshot and wait until Envoy has confirmed it. All on one event loop."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path
        self._wanted = Snapshot()
        self._stream: _Stream | None = None
        self._rejected: Rejected | None = None
        self._changed = asyncio.Condition()
        self._writing = asyncio.Lock()
        self._server: Any = None

    async def start(self) -> None:
        self._socket_path.unlink(missing_ok=True)
        self._server = grpc.aio.server(options=[("grpc.max_send_message_length", -1)])
        handler = grpc.stream_stream_rpc_method_handler(
            self._serve,
            request_deserializer=protos.DeltaDiscoveryRequest.FromString,
            response_serializer=protos.DeltaDiscoveryResponse.SerializeToString,
        )
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
        self._server.add_insecure_port(f"unix:{self._socket_path}")
        await self._server.start()
        self._socket_path.chmod(0o600)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(grace=None)
        self._socket_path.unlink(missing_ok=True)

    @property
    def connected(self) -> bool:
        return self._stream is not None

    async def publish(self, wanted: Snapshot, timeout_s: float) -> None:
        """Returns once Envoy has confirmed everything. Raises Rejected, or TimeoutError.

        Make before break: clusters are added before the routes that name them, and removed after no route does.
        """
        before = self._wanted.of_type(names.CLUSTER_TYPE)
        after = wanted.of_type(names.CLUSTER_TYPE)
        async with asyncio.timeout(timeout_s):
            if any(name not in after for name in before):
                joined = {**before, **after}
                await self._reach(self._wanted.with_type(names.CLUSTER_TYPE, joined))
                await self._reach(wanted.with_type(names.CLUSTER_TYPE, joined))
            elif any(name not in before for name in after):
                await self._reach(self._wanted.with_type(names.CLUSTER_TYPE, after))
            await self._reach(wanted)

    async def want(self, wanted: Snapshot) -> None:
        """Sends it, now or when Envoy is back, without waiting for the answer."""
        self._wanted = wanted
        self._rejected = None
        await self._push_all()

    async def _reach(self, wanted: Snapshot) -> None:
        self._wanted = wanted
        self._rejected = None
        await self._push_all()
        async with self._changed:
            await self._changed.wait_for(lambda: self._rejected is not None or self._is_confirmed())
        if self._rejected is not None:
            raise self._rejected

    def _is_confirmed(self) -> bool:
        stream = self._stream
        return stream is not None and all(
            stream.confirmed.get(type_url, {}) == {name: r.version for name, r in resources.items()}
            for type_url, resources in self._wanted.by_type.items()
        )

    async def _serve(self, requests: AsyncIterator[Any], context: Any) -> None:
        stream = _Stream(context)
        self._stream = stream
        try:
            async for request in requests:
                await self._take(stream, request)
        finally:
            if self._stream is stream:
                self._stream = None

    async def _take(self, stream: _Stream, request: Any) -> None:
        type_url = request.type_url
        first = type_url not in stream.subscribed
        subscribed = stream.subscribed.setdefault(type_url, set())
        subscribed.update(request.resource_names_subscribe)
        subscribed.difference_update(request.resource_names_unsubscribe)
        if first and request.initial_resource_versions:
            known = dict(request.initial_resource_versions)
            stream.sent[type_url], stream.confirmed[type_url] = dict(known), dict(known)
        for name in request.resource_names_unsubscribe:
            stream.sent.get(type_url, {}).pop(name, None)
            stream.confirmed.get(type_url, {}).pop(name, None)
        if request.response_nonce:
            self._take_verdict(stream, request)
        await self._push(stream, type_url, owed=first)
        async with self._changed:
            self._changed.notify_all()

    def _take_verdict(self, stream: _Stream, request: Any) -> None:
        type_url, versions = stream.in_flight.pop(request.response_nonce, (request.type_url, {}))
        if request.HasField("error_detail"):
            log.error("Envoy rejected %s: %s", type_url, request.error_detail.message)
            self._rejected = Rejected(type_url, request.error_detail.message)
        else:
            stream.confirmed[type_url] = versions

    async def _push_all(self) -> None:
        stream = self._stream
        if stream is not None:
            for type_url in ORDER:
                await self._push(stream, type_url)

    async def _push(self, stream: _Stream, type_url: str, owed: bool = False) -> None:
        """Sends what of the type differs from what was sent, if Envoy asked for the type."""
        async with self._writing:
            if type_url not in stream.subscribed or stream is not self._stream:
                return
            wanted = self._wanted.of_type(type_url)
            if type_url not in WILDCARD:
                wanted = {name: r for name, r in wanted.items() if name in stream.subscribed[type_url]}
            sent = stream.sent.setdefault(type_url, {})
            changed = {name: r for name, r in wanted.items() if sent.get(name) != r.version}
            removed = [name for name in sent if name not in wanted]
            if not (changed or removed or (owed and type_url in WILDCARD)):
                return
            stream.nonces += 1
            response = protos.DeltaDiscoveryResponse(
                type_url=type_url, nonce=str(stream.nonces), removed_resources=removed
            )
            for name, resource in changed.items():
                entry = response.resources.add(name=name, version=resource.version)
                entry.resource.type_url = type_url
                entry.resource.value = resource.value
            stream.sent[type_url] = {name: r.version for name, r in wanted.items()}
            stream.in_flight[response.nonce] = (type_url, dict(stream.sent[type_url]))
            try:
                await stream.context.write(response)
            except (grpc.RpcError, grpc.aio.UsageError, asyncio.InvalidStateError) as cause:
                # Envoy went away; its successor subscribes anew and gets everything.
                log.info("Envoy's configuration stream broke: %r", cause)
