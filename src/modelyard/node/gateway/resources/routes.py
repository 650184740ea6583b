"""The route configuration: one matcher tree over the path, whose leaves are the endpoints' routes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from modelyard.node.gateway.resources import matching, names, protos
from modelyard.node.gateway.resources.protos import Message

CONTROL_PREFIXES = ("/api", "/ui", "/static", "/login", "/logout", "/readyz", "/healthz", "/openapi.json", "/docs")

# Nobody behind the gateway says these: the stamps are the gateway's, the others would open the console's origin.
ANSWER_HEADERS_REMOVED = (
    names.CALLER_HEADER,
    names.TOKEN_HEADER,
    names.ENDPOINT_HEADER,
    names.VERSION_HEADER,
    "service-worker-allowed",
    "access-control-allow-origin",
    "access-control-allow-credentials",
)

# Uploads and event streams: nothing bounds their length, only how long they may be silent.
CONTROL_SILENT_S = 3600

SERVER_METADATA = {"name": "modelyard", "version": "2", "extensions": ["binary_tensor_data", "predict"]}


def route_configuration(entries: Iterable[bytes]) -> Message:
    """The whole table. `entries` are serialized map entries as `map_entry` gives them."""
    tree = protos.Matcher.MatcherTree.MatchMap.FromString(b"".join(entries))
    configuration = protos.RouteConfiguration(
        name=names.ROUTES,
        # Clusters arrive before the routes that name them, and Envoy answers 503 by itself if one is missing.
        validate_clusters={"value": False},
        request_headers_to_add=[
            _stamp(names.ENDPOINT_HEADER, names.route_metadata("endpoint")),
            _stamp(names.VERSION_HEADER, names.route_metadata("version")),
        ],
        # Envoy dresses its own refusals with the matched route's answer headers too. These must therefore come from
        # what only a request that was let through has, or a stranger could tell which endpoints exist.
        response_headers_to_add=[
            _stamp(names.ENDPOINT_HEADER, f"%REQ({names.ENDPOINT_HEADER})%"),
            _stamp(names.VERSION_HEADER, f"%REQ({names.VERSION_HEADER})%"),
            *(_stamp(header, names.worker_metadata(header)) for header in names.MODEL_ANSWER_HEADERS),
        ],
    )
    host = configuration.virtual_hosts.add(name="public", domains=["*"])
    # Only where the server behind can't have seen the request: a model may have effects that nobody wants twice.
    host.retry_policy.retry_on = "connect-failure,refused-stream,reset-before-request"
    host.retry_policy.num_retries.value = 3
    host.retry_policy.retry_back_off.base_interval.FromMilliseconds(10)
    host.retry_policy.retry_back_off.max_interval.FromMilliseconds(100)
    host.response_headers_to_remove.extend(ANSWER_HEADERS_REMOVED)
    host.matcher.matcher_tree.input.CopyFrom(matching.header_input(":path"))
    host.matcher.matcher_tree.prefix_match_map.CopyFrom(tree)
    return configuration


def map_entry(prefix: str, route_or_list: Message) -> bytes:
    """One leaf of the tree, serialized: concatenated entries are a map, so a change costs one entry."""
    name = "route" if isinstance(route_or_list, protos.Route) else "routes"
    entry = protos.Matcher.MatcherTree.MatchMap()
    entry.map[prefix].CopyFrom(matching.action(name, route_or_list))
    return bytes(entry.SerializeToString(deterministic=True))


def fixed_entries(has_state: bool) -> Mapping[str, Message]:
    """Prefix -> route of everything that is no endpoint: the named exemptions, and denial for the rest.

    Without desired state nobody's token can be checked, so all of /v2 says that.
    """
    entries: dict[str, Message] = {prefix: _control_route(path_separated_prefix=prefix) for prefix in CONTROL_PREFIXES}
    entries["/"] = protos.RouteList(routes=[_control_route(path="/"), _open_answer(404, "", prefix="/")])
    entries["/v2/health/live"] = _open_json({"live": True}, "/v2/health/live")
    waiting = "This node has no desired state from its control plane yet. Try again in a moment."
    if has_state:
        entries["/v2/health/ready"] = _open_json({"ready": True}, "/v2/health/ready")
        # Nothing else matches below /v2 and /preview: no route, no exemption, so the base rules ask for a token and
        # then deny, which reads the same as an endpoint that the caller may not use.
        entries["/v2"] = protos.RouteList(routes=[_server_metadata()])
        entries["/preview"] = protos.RouteList(routes=[_nothing("/preview")])
    else:
        entries |= {prefix: _open_answer(503, waiting, path_separated_prefix=prefix) for prefix in ("/v2", "/preview")}
    return entries


def _control_route(**match: str) -> Message:
    route = protos.Route(match=match)
    _exempt(route)
    route.typed_per_filter_config[names.BODY_FILTER].CopyFrom(protos.packed(protos.BufferPerRoute(disabled=True)))
    route.route.cluster = names.CONTROL_CLUSTER
    route.route.timeout.seconds = 0
    route.route.idle_timeout.seconds = CONTROL_SILENT_S
    return route


def _open_answer(status: int, text: str, **match: str) -> Message:
    """An answer of Envoy's own that needs no token; the local reply texts dress it."""
    route = protos.Route(match=match, direct_response={"status": status})
    if text:
        route.direct_response.body.inline_string = text
    _exempt(route)
    return route


def _open_json(value: object, path: str) -> Message:
    route = protos.Route(match={"path": path}, direct_response={"status": 200})
    route.direct_response.body.inline_string = json.dumps(value)
    _exempt(route)
    _answer_json(route)
    return route


def _server_metadata() -> Message:
    """`GET /v2`: for any valid token, whoever holds it."""
    route = protos.Route(match={"path": "/v2"}, direct_response={"status": 200})
    route.direct_response.body.inline_string = json.dumps(SERVER_METADATA)
    route.typed_per_filter_config[names.CALLERS_FILTER].CopyFrom(protos.packed(_allow_all()))
    _answer_json(route)
    return route


def _nothing(prefix: str) -> Message:
    return protos.Route(match={"path": prefix}, direct_response={"status": 404})


def _exempt(route: Message) -> None:
    route.typed_per_filter_config[names.JWT_FILTER].CopyFrom(protos.packed(protos.JwtPerRoute(disabled=True)))
    route.typed_per_filter_config[names.CALLERS_FILTER].CopyFrom(protos.packed(_allow_all()))


def _allow_all() -> Message:
    return protos.RbacPerRoute(rbac={"matcher": protos.Matcher(on_no_match=matching.ALLOW_ACTION)})


def _answer_json(route: Message) -> None:
    route.response_headers_to_add.add(
        header={"key": "content-type", "value": "application/json"}, append_action="OVERWRITE_IF_EXISTS_OR_ADD"
    )


def _stamp(header: str, value: str) -> Mapping[str, object]:
    return {
        "header": {"key": header, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
