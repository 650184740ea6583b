"""Matcher trees: looking a key up costs the same among two thousand as among two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelyard.node.gateway.resources import protos
from modelyard.node.gateway.resources.protos import Message


def header_input(name: str) -> Message:
    """The input that reads a request header; `:path` is the path with its query string."""
    config = protos.packed(protos.HeaderInput(header_name=name))
    return protos.Matcher.MatcherTree(input={"name": "header", "typed_config": config}).input


def action(name: str, message: Message) -> Message:
    """An OnMatch that ends the search with this action."""
    return protos.Matcher.OnMatch(action={"name": name, "typed_config": protos.packed(message)})


ALLOW_ACTION = action("allow", protos.RbacAction(name="allow", action="ALLOW"))
DENY_ACTION = action("deny", protos.RbacAction(name="deny", action="DENY"))


def exact_map(header: str, entries: Mapping[str, Message], otherwise: Message) -> Message:
    """Matcher on the header's exact value. Envoy refuses an empty map, so that case is just `otherwise`."""
    matcher = protos.Matcher(on_no_match=otherwise)
    if entries:
        matcher.matcher_tree.input.CopyFrom(header_input(header))
        tree = matcher.matcher_tree.exact_match_map.map
        for key, on_match in entries.items():
            tree[key].CopyFrom(on_match)
    return matcher


def path_predicate(**value_match: str) -> Message:
    """A predicate on `:path`: `prefix="..."` or `exact="..."`."""
    return protos.Matcher.MatcherList.Predicate(
        single_predicate={"input": header_input(":path"), "value_match": value_match}
    )


def any_of(predicates: Iterable[Message]) -> Message:
    return protos.Matcher.MatcherList.Predicate(or_matcher={"predicate": list(predicates)})


def all_of(predicates: Iterable[Message]) -> Message:
    return protos.Matcher.MatcherList.Predicate(and_matcher={"predicate": list(predicates)})


def none_of(predicates: Iterable[Message]) -> Message:
    return protos.Matcher.MatcherList.Predicate(not_matcher=any_of(predicates))
