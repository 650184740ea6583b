"""The console over HTTP, as a browser without a script sees it: a project with a version, a release and its people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from tests.api.deployment.conftest import Demo, make_demo
from tests.support.application import PASSWORD
from tests.support.deployment import DeploymentApplication, deployment_application

from modelyard.infra.jobs import Jobs, JobsSettings
from modelyard.registry.models.domain import Version
from modelyard.server.settings import BuildsSection
from modelyard.server.wiring_builds import wire_builds
from modelyard.server.wiring_web import page_routers

ORIGIN = {"origin": "http://testserver"}


@dataclass
class Console:
    site: DeploymentApplication
    demo: Demo
    pages: list[APIRouter]
    browsers: dict[str, TestClient] = field(default_factory=dict)

    def anonymous(self) -> TestClient:
        return TestClient(self.site.app, base_url="http://testserver", follow_redirects=False)

    def log_in(self, name: str, password: str = PASSWORD, **more: str) -> Any:
        """The answer to the login form; the browser keeps its cookie."""
        browser = self.browsers.setdefault(name, self.anonymous())
        return browser.post("/login", data={"user": name, "password": password, **more}, headers=ORIGIN)

    def browser(self, name: str) -> TestClient:
        """Of somebody who is logged in. Forms need `headers=ORIGIN`, which a browser sends by itself."""
        if name not in self.browsers:
            answer = self.log_in(name)
            assert answer.status_code == 303, answer.text
        return self.browsers[name]

    def register(self, number: str, **facts: Any) -> Version:
        return self.site.register("demo", number=number, by=self.demo.author, **facts)

    def paths(self, method: str) -> list[str]:
        """Of every page of the console, about things that are there."""
        values = {
            "project": "demo", "model": "tumour", "version": "1.0.0", "endpoint": "mine", "number": "1",
            "pairing_id": "pa_1", "token_id": "tk_1", "name": "author", "prediction_id": "pr_1",
        }  # fmt: skip
        routes = [route for router in self.pages for route in router.routes if isinstance(route, APIRoute)]
        pages = [route.path for route in routes if method in (route.methods or ()) and route.path.startswith("/ui")]
        return [path.format_map(values) for path in pages]


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    with open_console(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """One for the many tests that change nothing."""
    with open_console(tmp_path_factory.mktemp("console")) as opened:
        yield opened


@contextmanager
def open_console(tmp_path: Path) -> Iterator[Console]:
    """Release 1 of tumour 1.0.0 waits at the endpoint `mine`; `outsider` owns another project."""
    with deployment_application(f"sqlite:///{tmp_path / 'test.db'}", tmp_path) as site:
        jobs = Jobs(site.database, JobsSettings(f"sqlite:///{tmp_path / 'jobs.db'}"), site.clock)
        builds = wire_builds(
            BuildsSection(), site.database, site.clock, site.keys, site.identity.projects, site.identity.nodes, jobs,
            tmp_path / "blobs",
        )  # fmt: skip
        builds = replace(builds, models=site.models, artifacts=site.artifacts)
        pages = page_routers(site.identity, builds, site.deployment, site.clock)
        for router in pages:
            site.app.include_router(router)
        demo = make_demo(site)
        demo.ask("1.0.0")
        yield Console(site, demo, pages)
