"""Every route says in its signature who may call it: `require(Permission.X)`, `authenticated()` or `public("reason")`.
A route that says nothing is open, and nobody sees it in review."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.lint.source import Finding, Tree

CODE = "route-permission"
VERBS = {"get", "post", "put", "patch", "delete", "head", "options", "api_route", "route", "websocket"}
DECLARATIONS = {"require", "authenticated", "public", "node_call"}


def check(tree: Tree) -> Iterator[Finding]:
    sources = [source for source in tree.product() if source.package == "modelyard"]
    aliases = {source.path: _aliases(source.tree) for source in sources}
    shared = {f"{source.module}.{name}" for source in sources for name in aliases[source.path]}
    for source in sources:
        imported = {name.rpartition(".")[2] for _, name in source.imports if name in shared}
        names = {*aliases[source.path], *imported}
        for node in source.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                routes = [decorator for decorator in node.decorator_list if _is_route(decorator)]
                if routes and not _mentions([node.args, *routes], names):
                    yield source.at(
                        node.lineno,
                        CODE,
                        f"route {node.name} declares no require(), authenticated(), public() or node_call()",
                    )


def _is_route(node: ast.expr) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in VERBS):
        return False
    first = node.args[0] if node.args else None
    return isinstance(first, ast.Constant | ast.JoinedStr | ast.BinOp | ast.Name)


def _mentions(nodes: list[ast.AST], names: set[str]) -> bool:
    """Whether a declaration is called, or an alias made of one is named, anywhere in them."""
    for root in nodes:
        for node in ast.walk(root):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in DECLARATIONS:
                return True
            if isinstance(node, ast.Name) and node.id in names:
                return True
    return False


def _aliases(tree: ast.Module) -> set[str]:
    """`Reader = Annotated[Call, require(…)]` at the top of a module."""
    return {
        target.id
        for statement in tree.body
        if isinstance(statement, ast.Assign) and _mentions([statement.value], DECLARATIONS)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
