"""Nodes, and a prediction's story."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from modelyard.deployment.replicas.domain import NodeReport, node_state
from modelyard.deployment.replicas.service import NodeReportService
from modelyard.governance.lineage.service import LineageService
from modelyard.infra.db import UnitOfWork
from modelyard.infra.http.call import Call, Paged, authenticated, require
from modelyard.kernel.access import Permission
from modelyard.registry.models.service import ModelService
from modelyard.web.rendering import Pages, readable_size, see_other

NODE_TONES = {"ready": "good", "behind": "busy", "stale": "warn", "silent": "bad"}
REPLICA_TONES = {"ready": "good", "idle": "idle", "starting": "busy", "preparing": "busy", "crashed": "bad",
                 "refused": "bad", "stopped": "idle"}  # fmt: skip


def router(
    pages: Pages, nodes: NodeReportService, newest_number: Callable[[UnitOfWork], int], lineage: LineageService,
    models: ModelService,
) -> APIRouter:  # fmt: skip
    routes = APIRouter(include_in_schema=False)

    @routes.get("/ui/nodes")
    def nodes_page(call: Annotated[Call, require(Permission.INSTALLATION_READ)], page: Paged) -> Response:
        found = call.read(lambda uow: nodes.list_nodes(uow, call.access, page))
        newest, now = call.read(newest_number), call.clock.now()
        ids = sorted({replica["version_id"] for node in found.items for replica in node.replicas})
        return pages.show(
            call, "nodes.html", here="Nodes", nodes=[(node, node_state(node, newest, now)) for node in found.items],
            newest=newest, facts_of=facts_of, versions=call.read(lambda uow: models.versions_by_ids(uow, ids)),
            next_cursor=found.next_cursor, tones=NODE_TONES, replica_tones=REPLICA_TONES,
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


def facts_of(node: NodeReport) -> list[tuple[str, str]]:
    """What a person wants to know of a node at a glance, `(label, words)`; a node that says less shows less."""
    host, envoy = node.host, node.envoy
    facts: list[tuple[str, str]] = []
    if "system" in host:
        facts.append(("System", f"{host['system']}, {host.get('architecture', '')}".rstrip(", ")))
    if "cpus" in host:
        facts.append(("Load", f"{host.get('load', 0):.1f} on {host['cpus']} cores"))
    for label, free, whole in (
        ("Memory free", "memory_available_bytes", "memory_bytes"),
        ("Disk free", "disk_free_bytes", "disk_bytes"),
    ):
        if free in host and whole in host:
            facts.append((label, f"{readable_size(host[free])} of {readable_size(host[whole])}"))
    if "version" in envoy:
        restarts = envoy.get("restarts", 0)
        facts.append(("Envoy", f"{envoy['version']}, {restarts} restarts" if restarts else str(envoy["version"])))
    if "connections" in envoy:
        facts.append(("Connections", str(envoy["connections"])))
    return facts
