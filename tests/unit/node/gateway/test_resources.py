"""What is built from a view: golden files, and properties that hold for every view."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.gateway import desired_state, endpoint_state, version_state
from tests.unit.node.gateway.golden import FOLDER, KEY, PLAIN, as_text, demo_view, golden

from modelyard.contracts.desired_state import CallerState
from modelyard.node.gateway.resources import Snapshot, SnapshotBuilder, names, readable_snapshot
from modelyard.node.gateway.view import GatewayView


@pytest.mark.parametrize("name", list(golden()))
def test_resources_are_as_in_the_golden_file(name: str) -> None:
    kept = (FOLDER / f"{name}.json").read_text()
    assert as_text(golden()[name]) == kept, "meant? python -m tests.unit.node.gateway.golden, and read the diff"


def routes_by_prefix(snapshot: Snapshot) -> dict[str, Any]:
    host = readable_snapshot(snapshot)["RouteConfiguration"][names.ROUTES]["virtual_hosts"][0]
    tree = host["matcher"]["matcher_tree"]["prefix_match_map"]["map"]
    return {prefix: on_match["action"]["typed_config"] for prefix, on_match in tree.items()}


def rbac_of(route: dict[str, Any]) -> dict[str, Any]:
    return route["typed_per_filter_config"][names.CALLERS_FILTER]["rbac"]["matcher"]


def callers_allowed(matcher: dict[str, Any]) -> set[str]:
    """The keys of the exact map; everything around it must deny."""
    if "matcher_list" in matcher:
        (only,) = matcher["matcher_list"]["matchers"]
        assert only["on_match"]["action"]["typed_config"]["action"] == "DENY"
        return callers_allowed(matcher["on_no_match"]["matcher"])
    assert matcher["on_no_match"]["action"]["typed_config"]["action"] == "DENY"
    allowed = matcher.get("matcher_tree", {}).get("exact_match_map", {}).get("map", {})
    assert (
        matcher.get("matcher_tree", {}).get("input", {}).get("typed_config", {}).get("header_name", names.CALLER_HEADER)
        == names.CALLER_HEADER
    )
    return set(allowed)


names_of = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
callers = st.sets(st.sampled_from([f"us_{n}" for n in range(8)]), max_size=5)
endpoint_sets = st.dictionaries(st.tuples(names_of, names_of), st.tuples(callers, st.booleans()), max_size=8)


@settings(max_examples=60, deadline=None)
@given(endpoint_sets)
def test_callers_of_an_endpoint_are_in_its_own_map_and_in_no_other(
    made: dict[tuple[str, str], tuple[set[str], bool]],
) -> None:
    version = version_state("ve_a")
    endpoints = tuple(
        endpoint_state(name, "ve_a", tuple(people), project=project, stopped=stopped)
        for (project, name), (people, stopped) in made.items()
    )
    view = GatewayView(
        desired_state(endpoints, (version,), keys=(KEY,)),
        {e.endpoint_id: "ve_a" for e in endpoints},
        {"ve_a": "/run/a.sock"},
    )
    routes = routes_by_prefix(SnapshotBuilder(PLAIN).build(view))
    for (project, name), (people, _) in made.items():
        assert callers_allowed(rbac_of(routes[f"/v2/models/{project}.{name}"])) == people
    endpoint_routes = {prefix for prefix in routes if prefix.startswith("/v2/models/")}
    assert endpoint_routes == {f"/v2/models/{project}.{name}" for project, name in made}


def test_exemptions_from_the_token_are_the_named_ones_only() -> None:
    exempt = set()
    for prefix, action in routes_by_prefix(SnapshotBuilder(PLAIN).build(demo_view())).items():
        for route in action.get("routes", [action]):
            config = route.get("typed_per_filter_config", {})
            if names.JWT_FILTER in config:
                assert config[names.JWT_FILTER]["disabled"] is True
                exempt.add((prefix, route["match"].get("path", "")))
                sends_to = route.get("route", {}).get("cluster", names.CONTROL_CLUSTER)
                assert sends_to == names.CONTROL_CLUSTER
    plain = {(p, "") for p in (
        "/api", "/ui", "/static", "/login", "/logout", "/readyz", "/healthz", "/openapi.json", "/docs", "/",
    )}  # fmt: skip
    health = {("/v2/health/live", "/v2/health/live"), ("/v2/health/ready", "/v2/health/ready")}
    assert exempt == plain | health | {("/", "/")}


def test_every_route_to_a_worker_has_a_caller_map_and_a_timeout() -> None:
    for prefix, action in routes_by_prefix(SnapshotBuilder(PLAIN).build(demo_view())).items():
        for route in action.get("routes", [action]):
            if route.get("route", {}).get("cluster", "").startswith("worker."):
                assert callers_allowed(rbac_of(route)), prefix
                assert float(route["route"]["timeout"].rstrip("s")) > 0


def test_equal_views_give_equal_snapshots_whatever_was_built_before() -> None:
    builder = SnapshotBuilder(PLAIN)
    first = builder.build(demo_view())
    builder.build(None)
    assert builder.build(demo_view()) == first
    assert SnapshotBuilder(PLAIN).build(demo_view()).of_type(names.LISTENER_TYPE) == first.of_type(names.LISTENER_TYPE)


def versions_of(snapshot: Snapshot) -> dict[str, str]:
    return {f"{t}/{n}": r.version for t, resources in snapshot.by_type.items() for n, r in resources.items()}


def changed(view: GatewayView) -> set[str]:
    builder = SnapshotBuilder(PLAIN)
    before, after = versions_of(builder.build(demo_view())), versions_of(builder.build(view))
    return {name.rpartition("/")[2] for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_new_key_changes_only_the_token_filter() -> None:
    view = demo_view()
    keys = {"keys": [{**KEY, "kid": "k2"}]}
    assert changed(_with(view, token_keys=keys)) == {names.JWT_FILTER}


def test_revoked_token_changes_only_the_revocation_filter() -> None:
    assert changed(_with(demo_view(), revoked=())) == {names.REVOKED_FILTER}


def test_other_caller_changes_only_the_routes() -> None:
    view = demo_view()
    first, *rest = view.desired.endpoints
    more = (*first.callers, CallerState("us_new", "new", "why"))
    assert changed(_with(view, endpoints=(replace(first, callers=more), *rest))) == {names.ROUTES}


def test_lease_and_number_change_nothing() -> None:
    assert changed(_with(demo_view(), number=99, expires_at="2100-01-01T00:00:00Z")) == set()


def _with(view: GatewayView, **fields: Any) -> GatewayView:
    return replace(view, desired=replace(view.desired, **fields))
