"""The control plane in this process, over a real database: for tests of the HTTP API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from tests.support.clocks import HandClock
from tests.support.databases import open_database

from modelyard.identity.projects.service import ProjectService
from modelyard.infra.crypto.passwords import PasswordHashing
from modelyard.infra.db import Database, DatabaseSettings, UnitOfWork
from modelyard.server.app import create_app
from modelyard.server.settings import IdentitySection, ServerSection, ServerSettings
from modelyard.server.wiring import Platform
from modelyard.server.wiring_identity import Identity, wire_identity
from modelyard.trust.keys import KeyRing

PASSWORD = "four unrelated words here"
# argon2 with a toy cost: what is tested is that passwords are checked, not how slowly.
CHEAP_HASHING = PasswordHashing(memory_kib=64, passes=1)


@dataclass(frozen=True)
class KnownEndpoint:
    id: str
    name: str


class KnownEndpoints:
    """An `EndpointDirectory` of (project id, name)."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], KnownEndpoint] = {}

    def add(self, project_id: str, name: str) -> None:
        self.known[project_id, name] = KnownEndpoint(f"ep_{len(self.known):026d}", name)

    def find_endpoint(self, uow: UnitOfWork, project_id: str, name: str) -> KnownEndpoint | None:
        return self.known.get((project_id, name))


class HostSocket:
    """The administration socket's mark on every request."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["host_operator"] = True
        await self._app(scope, receive, send)


@dataclass
class IdentityApplication:
    """Only the identity room behind the real application; `access_changes` counts calls of the hook."""

    app: Any
    database: Database
    identity: Identity
    keys: KeyRing
    clock: HandClock
    endpoints: KnownEndpoints
    access_changes: list[int] = field(default_factory=list)

    def client(self, token: str = "", **headers: str) -> TestClient:
        given = {"authorization": f"Bearer {token}"} if token else {}
        return TestClient(self.app, base_url="http://testserver", headers={**given, **headers})

    def host(self) -> TestClient:
        return TestClient(HostSocket(self.app), base_url="http://testserver")

    def log_in(self, name: str, password: str = PASSWORD) -> TestClient:
        answer = self.client().post("/api/v1/sessions", json={"user": name, "password": password})
        assert answer.status_code == 201, answer.text
        return self.client(answer.json()["token"])

    def administrator(self) -> TestClient:
        self.host().post("/api/v1/first-start", json={"password": PASSWORD})
        return self.log_in("admin")

    def make_user(self, admin: TestClient, name: str, **more: Any) -> TestClient:
        answer = admin.post("/api/v1/users", json={"name": name, "password": PASSWORD, **more})
        assert answer.status_code == 201, answer.text
        return self.log_in(name)

    def make_project(self, admin: TestClient, name: str, **roles: str) -> str:
        """With members as `owner="ann"`: the role, then the user's name. Returns the project's id."""
        answer = admin.post("/api/v1/projects", json={"name": name})
        assert answer.status_code == 201, answer.text
        for role, user in roles.items():
            put = admin.put(f"/api/v1/projects/{name}/members/{user}", json={"role": role})
            assert put.status_code == 200, put.text
        return str(answer.json()["id"])


@contextmanager
def identity_application(url: str, folder: Path) -> Iterator[IdentityApplication]:
    """Opens the database at the URL and keys in the folder."""
    clock = HandClock()
    database, lookups = open_database(url, clock), Database(DatabaseSettings(url))
    keys, endpoints, changes = KeyRing.open(folder / "keys"), KnownEndpoints(), []
    settings = ServerSettings(server=ServerSection(home=folder))
    identity = wire_identity(
        IdentitySection(), database, lookups, clock, keys, ProjectService(clock), endpoints,
        lambda _: changes.append(1), CHEAP_HASHING,
    )  # fmt: skip
    platform = Platform(
        settings, database, clock, identity.authenticator, identity.authorizer, slice_routers=identity.routers()
    )
    try:
        yield IdentityApplication(create_app(platform), database, identity, keys, clock, endpoints, changes)
    finally:
        lookups.close()
        database.close()
