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
    people,
    reference,
    registry,
    releasing,
    serving,
    versions,
)
from modelyard.web.rendering import Pages
from modelyard.web.serving import EndpointPages
from modelyard.web.versions import VersionPages


def page_routers(identity: Identity, builds: Builds, deployment: Deployment, clock: Clock) -> list[APIRouter]:
    pages = Pages(clock)
    endpoint_pages = EndpointPages(
        pages, deployment.endpoints, deployment.releases, identity.tokens, deployment.predictor, deployment.node_asker,
        deployment.public_url,
    )  # fmt: skip
    version_pages = VersionPages(
        pages, builds.models, deployment.releases, deployment.previews, identity.tokens, deployment.predictor
    )
    return [
        assets.router(),
        accounts.router(pages, identity.sessions),
        home.router(pages, identity.projects, deployment.endpoints, deployment.releases),
        people.members_router(pages, identity.projects, identity.roles),
        people.users_router(pages, identity.users),
        registry.router(pages, builds.models),
        versions.router(version_pages),
        building.router(pages, builds.builds),
        serving.router(endpoint_pages),
        releasing.router(pages, deployment.releases),
        calling.router(pages, identity.projects, identity.pairings, identity.tokens),
        operating.router(pages, deployment.nodes, deployment.changes.newest_number, deployment.lineage, builds.models),
        auditing.router(pages, deployment.audit),
        reference.router(pages),
    ]
