"""Routes of nodes: their reports, and the list for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body

from modelyard.deployment.replicas.schemas import NodeBody, NodePageBody
from modelyard.deployment.replicas.service import NodeReportService
from modelyard.infra.db import UnitOfWork
from modelyard.infra.http.call import Call, Paged, require
from modelyard.infra.http.node_call import node_call
from modelyard.kernel.access import Permission


def router(nodes: NodeReportService, newest_number: Callable[[UnitOfWork], int]) -> APIRouter:
    """`newest_number` is that of the desired state as the database has it."""
    routes = APIRouter()

    @routes.get("/api/v1/nodes", tags=["nodes"], summary="Nodes, as they last said of themselves")
    def list_nodes(call: Annotated[Call, require(Permission.INSTALLATION_READ)], page: Paged) -> NodePageBody:
        def work(uow: UnitOfWork) -> NodePageBody:
            found = nodes.list_nodes(uow, call.access, page)
            newest, now = newest_number(uow), call.clock.now()
            items = [NodeBody.of(report, newest, now) for report in found.items]
            return NodePageBody(items=items, next=found.next_cursor)

        return call.read(work)

    @routes.post("/node/v1/status", tags=["node"], status_code=204, include_in_schema=False)
    def post_status(call: Annotated[Call, node_call()], status: Annotated[Any, Body()]) -> None:
        call.write(lambda uow: nodes.accept(uow, call.principal, status), keyed=False)

    return routes
