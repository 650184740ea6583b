"""One endpoint's or preview's route: who may pass, how often, how much, how long, and to which version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelyard.contracts.desired_state import CallerState
from modelyard.node.gateway.resources import matching, names, protos
from modelyard.node.gateway.resources.protos import Message

# What a worker must not be told, and what must not reach a browser on the console's origin in its name. Short, as each
# name costs in every change of any endpoint; what the control plane does not use either is removed for all routes.
REQUEST_HEADERS_REMOVED = ("cookie",)
ANSWER_HEADERS_REMOVED = ("set-cookie", "clear-site-data", "strict-transport-security", "www-authenticate")

# How long a body may be silent while it comes in; the time limit of the prediction starts when it is complete.
UPLOAD_S = 30.0
UNLIMITED_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """Everything that decides one route; equal targets give equal bytes, so routes are kept by it.

    `version_id` is empty when nothing is live: then `refusal` says why, in the words that callers read.
    `address` is `project.endpoint`, or for a preview `project.model`.
    """

    prefix: str
    address: str
    callers: tuple[CallerState, ...]
    requests_per_s: int
    timeout_s: float
    body_bytes_max: int
    version: str = ""
    version_id: str = ""
    release_id: str = ""
    release_number: int = 0
    preview: bool = False
    refusal: str = ""


def target_route(target: Target, body_bytes_default: int) -> Message:
    """The route of one target. Its matcher key is `target.prefix`, but a prefix key also matches longer names, so
    the route itself insists on a path separator after it."""
    route = protos.Route()
    route.match.path_separated_prefix = target.prefix
    route.metadata.filter_metadata[names.METADATA].update(_facts(target))
    route.typed_per_filter_config[names.CALLERS_FILTER].CopyFrom(protos.packed(callers_rbac(target)))
    if target.requests_per_s or any(caller.requests_per_s for caller in target.callers):
        route.typed_per_filter_config[names.RATE_FILTER].CopyFrom(protos.packed(rate_limit(target)))
    if target.body_bytes_max != body_bytes_default:
        limit = protos.BufferPerRoute(buffer={"max_request_bytes": {"value": target.body_bytes_max}})
        route.typed_per_filter_config[names.BODY_FILTER].CopyFrom(protos.packed(limit))
    if not target.version_id:
        route.direct_response.status = 503
        route.direct_response.body.inline_string = target.refusal
        return route
    route.request_headers_to_remove.extend(REQUEST_HEADERS_REMOVED)
    route.response_headers_to_remove.extend(ANSWER_HEADERS_REMOVED)
    _forward(route.route, target)
    return route


def _facts(target: Target) -> dict[str, str | float]:
    facts: dict[str, str | float] = {
        "endpoint": target.address,
        "kind": "preview" if target.preview else "endpoint",
        "timeout_s": f"{target.timeout_s:g}",
        "body_bytes_max": str(target.body_bytes_max),
    }
    if target.version_id:
        facts |= {"version": target.version, "version_id": target.version_id}
    if target.release_id:
        facts |= {"release_id": target.release_id, "release_number": target.release_number}
    return facts


def _forward(forward: Message, target: Target) -> None:
    forward.cluster = names.worker_cluster(target.version_id)
    forward.timeout.FromMilliseconds(round(target.timeout_s * 1000))
    # Silence, not length, ends a slow upload. (`max_stream_duration` would turn `timeout` off.)
    forward.idle_timeout.FromMilliseconds(round((target.timeout_s + UPLOAD_S) * 1000))
    if target.preview:
        forward.prefix_rewrite = target.prefix.removeprefix("/preview")


def callers_rbac(target: Target) -> Message:
    """Allows exactly the target's callers by an exact map, and `/versions/V` only for the version that is live."""
    allowed = {caller.principal_id: matching.ALLOW_ACTION for caller in target.callers}
    matcher = matching.exact_map(names.CALLER_HEADER, allowed, matching.DENY_ACTION)
    if not target.preview:
        matcher = _only_live_version(target, matcher)
    return protos.RbacPerRoute(rbac={"matcher": matcher})


def _only_live_version(target: Target, callers: Message) -> Message:
    versions = f"{target.prefix}/versions"
    predicate = matching.path_predicate(prefix=versions)
    if target.version:
        live = f"{versions}/{target.version}"
        # A predicate costs Envoy about 10 µs in every change of any endpoint, hence none for `1.0.0?query`.
        spellings = [matching.path_predicate(exact=live), matching.path_predicate(prefix=f"{live}/")]
        predicate = matching.all_of([predicate, matching.none_of(spellings)])
    other_version = protos.Matcher.MatcherList.FieldMatcher(predicate=predicate, on_match=matching.DENY_ACTION)
    return protos.Matcher(
        matcher_list={"matchers": [other_version]}, on_no_match=protos.Matcher.OnMatch(matcher=callers)
    )


def rate_limit(target: Target) -> Message:
    """Token buckets of one second: the endpoint's own, and one for each caller that has a budget."""
    return protos.LocalRateLimit(
        stat_prefix="rate",
        token_bucket=_bucket(target.requests_per_s or UNLIMITED_PER_S),
        filter_enabled=ALWAYS,
        filter_enforced=ALWAYS,
        rate_limits=[
            {"actions": [{"request_headers": {"header_name": names.CALLER_HEADER, "descriptor_key": "caller"}}]}
        ],
        descriptors=[
            {
                "entries": [{"key": "caller", "value": caller.principal_id}],
                "token_bucket": _bucket(caller.requests_per_s),
            }
            for caller in target.callers
            if caller.requests_per_s
        ],
    )


ALWAYS = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}


def _bucket(requests_per_s: int) -> Mapping[str, object]:
    return {
        "max_tokens": requests_per_s,
        "tokens_per_fill": {"value": requests_per_s},
        "fill_interval": {"seconds": 1},
    }


def callers_of(callers: Iterable[CallerState]) -> tuple[CallerState, ...]:
    """In one order, so that the same callers always give the same bytes."""
    return tuple(sorted(callers, key=lambda caller: caller.principal_id))
