"""Which audit events a route leaves: follows its calls through annotated services, in the syntax tree.

A route's handler calls `releases.approve(…)`; `releases` is annotated in the router's factory; the service's method
calls `self._audit(…)`, module functions, and methods of services annotated in its `__init__`. What cannot be followed
(a Protocol, an untyped value) ends the walk there, so the answer can be short of an event and never has one too many.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tools.docs.audit_events import event_action
from tools.lint.source import Source, read_sources

ROOT = Path(__file__).resolve().parent.parent.parent
Function = ast.FunctionDef | ast.AsyncFunctionDef


def events_of(endpoint: Callable[..., Any]) -> list[str]:
    """Actions, sorted, of the handler function and of what it calls."""
    source = _by_module().get(endpoint.__module__)
    if source is None:
        return []
    found: set[str] = set()
    names = endpoint.__qualname__.replace(".<locals>", "").split(".")
    scope: ast.AST = source.tree
    types: dict[str, str] = {}
    for name in names:
        inner = next(
            (n for n in ast.walk(scope) if isinstance(n, Function) and n.name == name and n is not scope), None
        )
        if inner is None:
            return []
        types |= _parameter_types(inner)
        scope = inner
    _Walk(found).function(source, scope, types)
    return sorted(found)


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


class _Walk:
    def __init__(self, found: set[str]) -> None:
        self._found = found
        self._seen: set[tuple[str, int]] = set()

    def function(self, source: Source, node: ast.AST, types: dict[str, str], owner: str = "") -> None:
        key = (source.path, getattr(node, "lineno", 0))
        if key in self._seen:
            return
        self._seen.add(key)
        for inner in ast.walk(node):
            if action := event_action(inner):
                self._found.add(action)
            if isinstance(inner, ast.Call):
                self._call(source, inner.func, types, owner)
            elif isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Load):
                self._call(source, inner, types, owner)  # a bound method passed on: `call.write(service.rotate)`

    def _call(self, source: Source, called: ast.expr, types: dict[str, str], owner: str) -> None:
        if isinstance(called, ast.Name):
            self._named(source, called.id)
        elif isinstance(called, ast.Attribute):
            kind = self._kind_of(called.value, types, owner)
            if kind:
                self._method(kind, called.attr)
            elif isinstance(called.value, ast.Name):
                self._of_module(source, called.value.id, called.attr)

    def _kind_of(self, value: ast.expr, types: dict[str, str], owner: str) -> str:
        if isinstance(value, ast.Name):
            return owner if value.id == "self" else types.get(value.id, "")
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _classes():
            return value.func.id
        if isinstance(value, ast.Attribute):
            holder = self._kind_of(value.value, types, owner)
            return _attribute_types(holder).get(value.attr, "") if holder else ""
        return ""

    def _method(self, kind: str, name: str) -> None:
        if kind not in _classes():
            return
        source, node = _classes()[kind]
        for method in node.body:
            if isinstance(method, Function) and method.name == name:
                self.function(source, method, _parameter_types(method), kind)
                return
        for base in node.bases:
            self._method(_type_name(base), name)

    def _named(self, source: Source, name: str) -> None:
        """A function of this module, or one imported by name."""
        for function in source.tree.body:
            if isinstance(function, Function) and function.name == name:
                self.function(source, function, _parameter_types(function))
                return
        for target in self._imported(source, name):
            module, _, function_name = target.rpartition(".")
            self._module_function(module, function_name)

    def _of_module(self, source: Source, alias: str, name: str) -> None:
        for target in self._imported(source, alias):
            self._module_function(target, name)

    def _imported(self, source: Source, name: str) -> Iterator[str]:
        return (full for _, full in source.imports if full.rpartition(".")[2] == name)

    def _module_function(self, module: str, name: str) -> None:
        found = _by_module().get(module)
        for function in found.tree.body if found else ():
            if found and isinstance(function, Function) and function.name == name:
                self.function(found, function, _parameter_types(function))


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
