"""Routes under `/node/v1`: for enrolled nodes alone, each speaking for itself by a token that its own key signed."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Request

from modelyard.infra.http.call import Call, HttpKit
from modelyard.kernel.errors import Unauthenticated

NODE_PREFIX = "/node/"


def node_call() -> Any:
    """`call: Annotated[Call, node_call()]`: `call.principal.id` is the node's id."""

    def make_call(request: Request) -> Call:
        kit: HttpKit = request.app.state.kit
        principal = kit.authenticator.authenticate(request)
        if principal.kind != "node":
            raise Unauthenticated(reason="This address is for enrolled nodes.")
        return Call(kit, request, principal, None)

    make_call.permission = None  # type: ignore[attr-defined]
    make_call.public_reason = ""  # type: ignore[attr-defined]
    make_call.anonymous = False  # type: ignore[attr-defined]
    make_call.is_for_nodes = True  # type: ignore[attr-defined]
    return Depends(make_call)
