"""Which audit events a route leaves: follows its calls through annotated services, in the syntax tree.

A route's handler calls `releases.approve(…)`; `releases` is annotated in the router's factory; the service's method
calls `self._audit(…)`, module functions, and methods of services annotated in its `__init__`. What cannot be followed
(a Protocol, an untyped value) ends the walk there, so the answer can be short of an event and never has one too many.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from tools.docs.values import Function, Known, assigned_in, event_actions, given_by
from tools.lint.source import Source, read_sources

REFUSED = "access.permission.denied"  # any route can leave it, so it says nothing about one
ROOT = Path(__file__).resolve().parent.parent.parent


def events_of(endpoint: Callable[..., Any]) -> list[str]:
    """Actions, sorted, of the handler function and of what it calls."""
    source = _by_module().get(endpoint.__module__)
    if source is None:
        return []
    found: set[str] = set()
    names = endpoint.__qualname__.replace(".<locals>", "").split(".")
    place: ast.AST = source.tree
    types: dict[str, str] = {}
    around: list[ast.AST] = []
    for name in names:
        inner = next(
            (n for n in ast.walk(place) if isinstance(n, Function) and n.name == name and n is not place), None
        )
        if inner is None:
            return []
        types |= _parameter_types(inner)
        around.append(inner)
        place = inner
    _Walk(found).function(place, _Scope(source, types, {}, around=tuple(around[:-1])))
    return sorted(found - {REFUSED})


@cache
def _by_module() -> dict[str, Source]:
    return {source.module: source for source in read_sources(ROOT) if source.package == "modelyard"}


@cache
def _classes() -> dict[str, tuple[Source, ast.ClassDef]]:
    return {n.name: (s, n) for s in _by_module().values() for n in s.nodes if isinstance(n, ast.ClassDef)}


def _parameter_types(function: Function) -> dict[str, str]:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return {a.arg: _type_name(a.annotation) for a in arguments if a.annotation}


def _type_name(annotation: ast.expr | None) -> str:
    if isinstance(annotation, ast.Constant):
        return str(annotation.value)
    if isinstance(annotation, ast.BinOp):  # `Service | None`
        return _type_name(annotation.left)
    return getattr(annotation, "id", getattr(annotation, "attr", ""))


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where the walk is: the file, the types and strings of names, the class that `self` is, the function around."""

    source: Source
    types: dict[str, str]
    known: Known
    owner: str = ""
    around: tuple[ast.AST, ...] = ()


class _Walk:
    def __init__(self, found: set[str]) -> None:
        self._found = found
        self._seen: set[tuple[str, int, tuple[tuple[str, frozenset[str]], ...]]] = set()

    def function(self, node: ast.AST, scope: _Scope) -> None:
        key = (scope.source.path, getattr(node, "lineno", 0), tuple(sorted(scope.known.items())))
        if key in self._seen:
            return
        self._seen.add(key)
        scope = replace(scope, known=assigned_in(node, scope.known), around=(*scope.around, node))
        called = set()
        for inner in ast.walk(node):
            self._found |= event_actions(inner, scope.known)
            if isinstance(inner, ast.Call):
                called.add(inner.func)
                self._call(inner.func, inner, scope)
            elif isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Load) and inner not in called:
                self._call(inner, None, scope)  # a bound method passed on: `call.write(service.rotate)`

    def _call(self, called: ast.expr, call: ast.Call | None, scope: _Scope) -> None:
        if isinstance(called, ast.Name):
            self._named(called.id, call, scope)
        elif isinstance(called, ast.Attribute):
            kind = self._kind_of(called.value, scope)
            if kind:
                self._method(kind, called.attr, call, scope)
            elif isinstance(called.value, ast.Name):
                for target in self._imported(scope.source, called.value.id):
                    self._module_function(target, called.attr, call, scope)

    def _enter(self, function: Function, call: ast.Call | None, caller: _Scope, scope: _Scope) -> None:
        given = given_by(call, function, caller.known) if call else {}
        types = scope.types | _parameter_types(function)
        self.function(function, replace(scope, types=types, known=given))

    def _kind_of(self, value: ast.expr, scope: _Scope) -> str:
        if isinstance(value, ast.Name):
            return scope.owner if value.id == "self" else scope.types.get(value.id, "")
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _classes():
            return value.func.id
        if isinstance(value, ast.Attribute):
            holder = self._kind_of(value.value, scope)
            return _attribute_types(holder).get(value.attr, "") if holder else ""
        return ""

    def _method(self, kind: str, name: str, call: ast.Call | None, caller: _Scope) -> None:
        if kind not in _classes():
            return
        source, node = _classes()[kind]
        for method in node.body:
            if isinstance(method, Function) and method.name == name:
                self._enter(method, call, caller, _Scope(source, {}, {}, kind))
                return
        for base in node.bases:
            self._method(_type_name(base), name, call, caller)

    def _named(self, name: str, call: ast.Call | None, scope: _Scope) -> None:
        """A function beside this one, of this module, or imported by name."""
        for place in (*reversed(scope.around), scope.source.tree):
            for function in getattr(place, "body", ()):
                if isinstance(function, Function) and function.name == name:
                    types = scope.types if place is not scope.source.tree else {}
                    self._enter(function, call, scope, _Scope(scope.source, types, {}, "", scope.around))
                    return
        for target in self._imported(scope.source, name):
            module, _, function_name = target.rpartition(".")
            self._module_function(module, function_name, call, scope)

    def _imported(self, source: Source, name: str) -> Iterator[str]:
        return (full for _, full in source.imports if full.rpartition(".")[2] == name)

    def _module_function(self, module: str, name: str, call: ast.Call | None, caller: _Scope) -> None:
        found = _by_module().get(module)
        for function in found.tree.body if found else ():
            if found and isinstance(function, Function) and function.name == name:
                self._enter(function, call, caller, _Scope(found, {}, {}))
                return


@cache
def _attribute_types(kind: str) -> dict[str, str]:
    """`self._x: Type` of a class: dataclass fields, and `self._x = x` of an annotated `__init__` parameter."""
    if kind not in _classes():
        return {}
    types: dict[str, str] = {}
    for statement in _classes()[kind][1].body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            types[statement.target.id] = _type_name(statement.annotation)
        if isinstance(statement, Function) and statement.name == "__init__":
            parameters = _parameter_types(statement)
            for node in ast.walk(statement):
                targets = node.targets if isinstance(node, ast.Assign) else []
                for target in targets:
                    value = getattr(node, "value", None)
                    if isinstance(target, ast.Attribute) and isinstance(value, ast.Name):
                        types[target.attr] = parameters.get(value.id, "")
                    elif isinstance(target, ast.Attribute) and isinstance(value, ast.Call):
                        types[target.attr] = _type_name(value.func)
    return types
