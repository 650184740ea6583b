"""The ASGI application: routes over the wired services, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from modelyard import __version__
from modelyard.infra.http.call import HttpKit
from modelyard.infra.http.denials import store_denials
from modelyard.infra.http.openapi import complete_document
from modelyard.infra.http.problems import add_problem_handlers
from modelyard.server.routes import add_routes
from modelyard.server.wiring import Platform
from modelyard.web.failures import add_error_pages
from modelyard.web.rendering import Pages


def create_app(platform: Platform) -> FastAPI:
    """The control plane over a wired platform; its background work starts and stops with the application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(platform.start)
        try:
            yield
        finally:
            await run_in_threadpool(platform.stop)

    app = FastAPI(
        title="Modelyard",
        version=__version__,
        summary="Deploys, manages, governs and secures machine-learning models.",
        lifespan=lifespan,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
    )
    app.state.kit = HttpKit(platform.database, platform.authenticator, platform.authorizer, platform.clock)
    add_problem_handlers(app, store_denials)
    add_error_pages(app, Pages(platform.clock))
    add_routes(app, platform)
    complete_document(app)
    return app
