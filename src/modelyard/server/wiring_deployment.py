"""The rooms deployment and governance, wired: split from `wiring.py` for its length alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter

from modelyard.deployment.desired_state import api as desired_state_api
from modelyard.deployment.desired_state.changes import Changes
from modelyard.deployment.desired_state.service import DesiredStateService, Sources
from modelyard.deployment.endpoints import api as endpoints_api
from modelyard.deployment.endpoints.service import EndpointService
from modelyard.deployment.endpoints.trying import GatewayPredictor, Predictor
from modelyard.deployment.previews import api as previews_api
from modelyard.deployment.previews.service import PreviewService
from modelyard.deployment.releases import api as releases_api
from modelyard.deployment.releases.service import ReleaseService
from modelyard.deployment.replicas import api as replicas_api
from modelyard.deployment.replicas.asking import NodeAsker, Queries
from modelyard.deployment.replicas.service import NodeReportService
from modelyard.governance.audit import api as audit_api
from modelyard.governance.audit.service import AuditTrail
from modelyard.governance.lineage import api as lineage_api
from modelyard.governance.lineage.service import LineageService
from modelyard.infra.db import Database
from modelyard.infra.http.json_client import JsonClient
from modelyard.infra.http.waiting import Bell
from modelyard.kernel.clock import Clock
from modelyard.registry.models.service import ModelService
from modelyard.server.wiring_identity import Identity
from modelyard.trust.keys import KeyRing


@dataclass(frozen=True, slots=True)
class Deployment:
    """Every service of both rooms."""

    database: Database
    identity: Identity
    changes: Changes
    release_changes: Bell
    endpoints: EndpointService
    releases: ReleaseService
    previews: PreviewService
    desired_state: DesiredStateService
    nodes: NodeReportService
    node_asker: NodeAsker
    predictor: Predictor
    audit: AuditTrail
    lineage: LineageService
    public_url: str

    def routers(self) -> list[APIRouter]:
        return [
            endpoints_api.router(
                self.endpoints, self.identity.tokens, self.predictor, self.node_asker, self.public_url
            ),
            releases_api.router(self.releases, self.release_changes),
            previews_api.router(self.previews),
            desired_state_api.router(self.desired_state, self.changes.bell),
            replicas_api.router(self.nodes, self.changes.newest_number),
            audit_api.router(self.audit, self.database),
            lineage_api.router(self.lineage),
        ]

    def has_speaking_node(self, since: datetime) -> bool:
        """For readiness: what a node said before this process started may not be so any more."""
        with self.database.reading() as uow:
            return bool(self.nodes.list_speaking(uow, since))


def wire_deployment(
    database: Database,
    clock: Clock,
    keys: KeyRing,
    identity: Identity,
    models: ModelService,
    queries: Queries,
    audit: AuditTrail,
    changes: Changes,
    public_url: str,
    predictor: Predictor | None = None,
) -> Deployment:
    """`changes` is the one whose `note` identity calls; `audit` the one whose `store_events` the database has.
    `predictor` is for tests, where no gateway runs."""
    touch, release_changes = changes.touch, Bell()
    endpoints = EndpointService(clock, identity.projects, models, touch)
    releases = ReleaseService(
        clock, identity.projects, endpoints, models, identity.tokens, keys.installation, keys.release, touch,
        release_changes.ring,
    )  # fmt: skip
    previews = PreviewService(clock, identity.projects, models, keys.installation, keys.release, touch)
    sources = Sources(
        endpoints, releases, previews, models, identity.projects, identity.pairings, identity.roles, identity.tokens
    )
    desired_state = DesiredStateService(database, clock, keys.installation, keys.order, sources, changes)
    nodes = NodeReportService(clock, endpoints, releases)
    asker = NodeAsker(database, nodes, queries)
    lineage = LineageService(asker, models, endpoints, releases, identity.tokens, identity.pairings)
    return Deployment(
        database, identity, changes, release_changes, endpoints, releases, previews, desired_state, nodes, asker,
        predictor or GatewayPredictor(JsonClient(public_url)), audit, lineage, public_url,
    )  # fmt: skip
