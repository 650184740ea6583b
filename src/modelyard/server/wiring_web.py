"""The pages, wired."""

from __future__ import annotations

from fastapi import APIRouter

from modelyard.kernel.clock import Clock
from modelyard.server.wiring_builds import Builds
from modelyard.server.wiring_deployment import Deployment
from modelyard.server.wiring_identity import Identity
from modelyard.web import (
    accounts,
    assets,
    auditing,
    building,
    calling,
    home,
    operating,
    registry,
    releasing,
    serving,
)
from modelyard.web.rendering import Pages
from modelyard.web.serving import EndpointPages


def page_routers(identity: Identity, builds: Builds, deployment: Deployment, clock: Clock) -> list[APIRouter]:
    pages = Pages(clock)
    endpoint_pages = EndpointPages(
        pages, deployment.endpoints, deployment.releases, identity.tokens, deployment.predictor, deployment.node_asker,
        deployment.public_url,
    )  # fmt: skip
    return [
        assets.router(),
        accounts.router(pages, identity.sessions),
        home.router(pages, identity.projects, deployment.endpoints, deployment.releases),
        registry.router(pages, builds.models),
        building.router(pages, builds.builds),
        serving.router(endpoint_pages),
        releasing.router(pages, deployment.releases),
        calling.router(pages, identity.projects, identity.pairings, identity.tokens),
        operating.router(pages, deployment.nodes, deployment.changes.newest_number, deployment.lineage),
        auditing.router(pages, deployment.audit),
    ]
