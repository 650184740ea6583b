"""Rooms import in one direction, and slices of one room in the order listed. A cycle of rooms is where a code base
stops being understandable a piece at a time, and it always starts with one convenient import."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.lint.source import Finding, Source, Tree

CODE = "import-order"


def check(tree: Tree) -> Iterator[Finding]:
    rooms: Any = tree.order["rooms"]
    slices: Any = tree.order["slices"]
    for source in tree.product():
        for line, name in source.imports:
            parts = name.split(".")
            if source.package == "modelyard_worker":
                if parts[0] == "modelyard":
                    yield source.at(
                        line, CODE, f"the worker may not import {name}: it runs alone in a model's environment"
                    )
                continue
            if parts[0] == "modelyard_worker" and source.room not in rooms["_worker_seen_by"]:
                yield source.at(
                    line,
                    CODE,
                    f"{source.room} may not import modelyard_worker; only {', '.join(rooms['_worker_seen_by'])}",
                )
            if parts[0] == "modelyard" and len(parts) > 1 and source.room:
                yield from _between_rooms(source, line, name, rooms)
                yield from _between_slices(source, line, name, slices)


def _between_rooms(source: Source, line: int, name: str, rooms: Any) -> Iterator[Finding]:
    parts = name.split(".")
    target = parts[1]
    if target == source.room or target not in rooms:  # `from modelyard import __version__`
        return
    if source.room not in rooms:
        yield source.at(line, CODE, f"room {source.room} is not in tools/lint/order.toml [rooms]")
        return
    allowed: list[str] = rooms[source.room]
    if not any(name == f"modelyard.{a}" or name.startswith(f"modelyard.{a}.") for a in allowed):
        yield source.at(
            line, CODE, f"{source.room} may not import {name}; it sees {', '.join(allowed) or 'nothing of ours'}"
        )


def _between_slices(source: Source, line: int, name: str, slices: Any) -> Iterator[Finding]:
    parts, own = name.split("."), source.module.split(".")
    if source.room not in slices or parts[1] != source.room or len(parts) < 3 or len(own) < 3 or parts[2] == own[2]:
        return
    order: list[str] = slices[source.room]
    for missing in {own[2], parts[2]} - set(order):
        yield source.at(line, CODE, f"slice {source.room}.{missing} is not in tools/lint/order.toml [slices]")
    if {own[2], parts[2]} <= set(order) and order.index(parts[2]) > order.index(own[2]):
        yield source.at(
            line, CODE, f"{source.room}.{own[2]} comes before {parts[2]} and may not import it; declare a Protocol"
        )
