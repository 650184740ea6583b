"""Which strings an expression can be, as far as the syntax shows: constants, conditions, f-strings, given names."""

from __future__ import annotations

import ast
import itertools

Function = ast.FunctionDef | ast.AsyncFunctionDef
Known = dict[str, frozenset[str]]
UNKNOWN = frozenset({"*"})


def values_of(node: ast.expr | None, known: Known) -> frozenset[str]:
    """A star stands for what cannot be seen."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return frozenset({node.value})
    if isinstance(node, ast.IfExp):
        return values_of(node.body, known) | values_of(node.orelse, known)
    if isinstance(node, ast.Name):
        return known.get(node.id, UNKNOWN)
    if isinstance(node, ast.FormattedValue):
        return values_of(node.value, known)
    if isinstance(node, ast.JoinedStr):
        parts = [values_of(part, known) for part in node.values]
        return frozenset("".join(chosen) for chosen in itertools.product(*parts))
    return UNKNOWN


def assigned_in(function: ast.AST, known: Known) -> Known:
    """Names that the function itself gives a string to, added to those it was called with."""
    found = dict(known)
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            values = values_of(node.value, known)
            if values != UNKNOWN:
                found[node.targets[0].id] = found.get(node.targets[0].id, frozenset()) | values
    return found


def given_by(call: ast.Call, function: Function, known: Known) -> Known:
    """Parameter -> strings that this call gives it."""
    names = [argument.arg for argument in [*function.args.posonlyargs, *function.args.args]]
    if names and names[0] in {"self", "cls"} and isinstance(call.func, ast.Attribute):
        names = names[1:]
    pairs = [*zip(names, call.args, strict=False), *((k.arg, k.value) for k in call.keywords if k.arg)]
    found = {name: values_of(value, known) for name, value in pairs}
    return {name: values for name, values in found.items() if "*" not in values}


def event_actions(node: ast.AST, known: Known) -> frozenset[str]:
    """The actions, when the node makes an audit `Event`; empty for every other node."""
    if not isinstance(node, ast.Call) or getattr(node.func, "id", getattr(node.func, "attr", "")) != "Event":
        return frozenset()
    given = next((k.value for k in node.keywords if k.arg == "action"), node.args[0] if node.args else None)
    return values_of(given, known) if given is not None else frozenset()
