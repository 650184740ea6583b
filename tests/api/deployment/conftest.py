"""Deployment over HTTP, with a project of one developer, one reviewer, one owner and one operator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.support.databases import database_url, postgresql
from tests.support.deployment import DeploymentApplication, deployment_application

__all__ = ["database_url", "demo", "demo_on_both", "postgresql"]


@dataclass
class Demo:
    site: DeploymentApplication
    admin: TestClient
    author: TestClient
    reviewer: TestClient
    owner: TestClient
    operator: TestClient
    outsider: TestClient

    def ask(self, number: str = "1.0.0", endpoint: str = "mine", *, by: TestClient | None = None) -> dict[str, Any]:
        """A new version and a release of it, both by the author unless somebody else is named."""
        version = self.site.register("demo", number=number, by=by or self.author)
        body = {"endpoint": endpoint, "model": "tumour", "version": version.number, "why": "first"}
        answer = (by or self.author).post("/api/v1/projects/demo/releases", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def approve(self, release: dict[str, Any], **more: str) -> dict[str, Any]:
        answer = self.reviewer.post(f"/api/v1/releases/{release['number']}/approve", json={"why": "AUC fine", **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def release(self, number: str, endpoint: str = "mine") -> dict[str, Any]:
        """Asked for, approved, and live as the node says."""
        approved = self.approve(self.ask(number, endpoint))
        self.site.report_live(approved, self.site.endpoint_id(self.author, "demo", endpoint))
        return self.get(approved["number"])

    def get(self, number: int) -> dict[str, Any]:
        return self.author.get(f"/api/v1/releases/{number}").json()

    def endpoint(self, name: str = "mine") -> dict[str, Any]:
        return self.author.get(f"/api/v1/projects/demo/endpoints/{name}").json()


def make_demo(site: DeploymentApplication) -> Demo:
    admin = site.administrator()
    names = ("author", "reviewer", "owner", "operator", "outsider")
    clients = {name: site.make_user(admin, name) for name in names}
    site.make_project(admin, "demo", developer="author", reviewer="reviewer", owner="owner", operator="operator")
    site.make_project(admin, "other", owner="outsider")
    return Demo(site, admin, **clients)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with deployment_application(f"sqlite:///{tmp_path / 'test.db'}", tmp_path) as site:
        yield make_demo(site)


@pytest.fixture
def demo_on_both(tmp_path: Path, database_url: str) -> Iterator[Demo]:
    """On SQLite and on PostgreSQL."""
    with deployment_application(database_url, tmp_path) as site:
        yield make_demo(site)
