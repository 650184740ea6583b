"""Nodes, and a prediction's story."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from modelyard.deployment.replicas.domain import node_state
from modelyard.deployment.replicas.service import NodeReportService
from modelyard.governance.lineage.service import LineageService
from modelyard.infra.db import UnitOfWork
from modelyard.infra.http.call import Call, Paged, authenticated, require
from modelyard.kernel.access import Permission
from modelyard.web.rendering import Pages, see_other

NODE_TONES = {"ready": "good", "behind": "busy", "stale": "warn", "silent": "bad"}
REPLICA_TONES = {"ready": "good", "idle": "idle", "starting": "busy", "preparing": "busy", "crashed": "bad",
                 "refused": "bad", "stopped": "idle"}  # fmt: skip


def router(
    pages: Pages, nodes: NodeReportService, newest_number: Callable[[UnitOfWork], int], lineage: LineageService
) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/ui/nodes")
    def nodes_page(call: Annotated[Call, require(Permission.INSTALLATION_READ)], page: Paged) -> Response:
        found = call.read(lambda uow: nodes.list_nodes(uow, call.access, page))
        newest, now = call.read(newest_number), call.clock.now()
        return pages.show(
            call, "nodes.html", here="Nodes", nodes=[(node, node_state(node, newest, now)) for node in found.items],
            newest=newest, next_cursor=found.next_cursor, tones=NODE_TONES, replica_tones=REPLICA_TONES,
            command="modelyard status",
        )  # fmt: skip

    @routes.get("/ui/predictions")
    def find_prediction(
        call: Annotated[Call, authenticated()], id: Annotated[str, Query(max_length=80)] = ""
    ) -> Response:
        return see_other(f"/ui/predictions/{id.strip()}" if id.strip() else "/ui/")

    @routes.get("/ui/predictions/{prediction_id}")
    def prediction_page(call: Annotated[Call, require(Permission.PREDICTION_READ)], prediction_id: str) -> Response:
        record = lineage.find_record(prediction_id)
        found = call.read(lambda uow: lineage.of_prediction(uow, call.access, prediction_id, record))
        project = (found.get("endpoint") or {}).get("project", "")
        return pages.show(
            call, "prediction.html", project=project, prediction_id=prediction_id, lineage=found,
            command=f"modelyard lineage {prediction_id}",
        )  # fmt: skip

    return routes
