"""The control plane up to governance in this process, with a node that is spoken for by hand.

No build runs: versions are registered as a finished build would hand them over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from tests.support.application import CHEAP_HASHING, IdentityApplication, KnownEndpoints
from tests.support.clocks import HandClock
from tests.support.databases import open_database

from modelyard.contracts.canonical import digest_bytes
from modelyard.contracts.desired_state import DesiredState
from modelyard.contracts.node_status import EndpointStatus, NodeStatus
from modelyard.contracts.statements import DESIRED_STATE_PAYLOAD, Envelope
from modelyard.contracts.version_document import (
    Column,
    Entry,
    EnvironmentRef,
    FileEntry,
    ModelSchema,
    VersionDocument,
)
from modelyard.deployment.desired_state.changes import Changes
from modelyard.deployment.endpoints.service import EndpointNames
from modelyard.deployment.endpoints.trying import Answer
from modelyard.governance.audit.service import AuditTrail
from modelyard.identity.nodes.domain import AUDIENCE
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.blobs.folder import BlobFolder
from modelyard.infra.crypto.jwt import Claims, encode_jwt
from modelyard.infra.db import Database, DatabaseSettings
from modelyard.infra.http.waiting import Bell
from modelyard.registry.artifacts.service import ArtifactService
from modelyard.registry.models.domain import NewVersion, Version, VersionFacts, VersionFile
from modelyard.registry.models.service import ModelService
from modelyard.server.app import create_app
from modelyard.server.settings import IdentitySection, ServerSection, ServerSettings
from modelyard.server.wiring import Platform
from modelyard.server.wiring_deployment import Deployment, wire_deployment
from modelyard.server.wiring_identity import Identity, wire_identity
from modelyard.trust.attestations import SigningKey, verify
from modelyard.trust.keys import KeyRing

PUBLIC_URL = "http://127.0.0.1:8800"


class EchoGateway:
    """A `Predictor`: stands where Envoy would, and says what it was asked with."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[dict[str, Any]], str]] = []

    def predict(self, path: str, rows: list[dict[str, Any]], token: str) -> Answer:
        self.asked.append((path, rows, token))
        return Answer(200, {"predictions": [{}] * len(rows)}, "pr_00000000-0000-4000-8000-000000000001", 1.5)


class AnsweringNode:
    """Implements `Queries`: answers with what the test put in."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.log_lines: list[str] = []

    def ask(self, kind: str, params: dict[str, Any], *, node_id: str, timeout_s: float = 3.0) -> dict[str, Any]:
        if kind == "access_record":
            return {"record": self.records.get(params["prediction_id"])}
        return {"lines": self.log_lines[-params["tail"] :]}


@dataclass
class DeploymentApplication(IdentityApplication):
    artifacts: ArtifactService = field(kw_only=True)
    models: ModelService = field(kw_only=True)
    deployment: Deployment = field(kw_only=True)
    gateway: EchoGateway = field(kw_only=True)
    node: AnsweringNode = field(kw_only=True)
    node_key: SigningKey = field(kw_only=True)
    node_id: str = field(kw_only=True)

    def register(
        self, project: str, model: str = "tumour", number: str = "", *, by: TestClient, **facts: Any
    ) -> Version:
        """A version as a build that `by` pushed would register it; each call makes other content."""
        me = by.get("/api/v1/me").json()
        with self.database.reading() as uow:
            project_id = next(key for key, name in self.identity.projects.names(uow).items() if name == project)
            opened = self.identity.projects.find_by_id(uow, project_id)
        assert opened is not None
        content = f"# {model} {number}\nclass Tumour: ...\n".encode()
        self.artifacts.put_bytes(project_id, project, content)
        with self.database.transaction() as uow:
            return self.register_as(uow, opened, model, number, me["id"], me["name"], content, **facts)

    def register_as(
        self, uow: Any, project: Any, model: str, number: str, by_id: str, by: str, content: bytes, **facts: Any
    ) -> Version:
        digest = digest_bytes(content)
        document = VersionDocument(
            files=(FileEntry("model.py", digest, len(content)),),
            environment=EnvironmentRef("3.11", digest_bytes(b"lock")),
            entry=Entry("python", "model:Tumour"),
            schema=ModelSchema((Column("x", "FP64"),), (Column("label", "BYTES", kind="text"),)),
        )
        given = VersionFacts(**{"metrics": {"auc": 0.9}, "sample": [{"x": 1.5}], **facts})
        new = NewVersion(
            model, number, document.digest, document.to_json(), given,
            (VersionFile("model.py", digest, len(content)),), "bu_" + "0" * 26, 1, by, by_id,
        )  # fmt: skip
        return self.models.record_version(uow, project, new)[0]

    def node_client(self) -> TestClient:
        now = int(self.clock.now().timestamp())
        claims = Claims(self.node_id, AUDIENCE, self.node_id, "tk_node", "node", now, now + 60)
        return self.client(encode_jwt(claims, self.node_key))

    def fetch_state(self, after: int = 0) -> DesiredState:
        """What a node would apply, its signature verified."""
        answer = self.node_client().get("/node/v1/desired-state", params={"after": after, "wait_s": 0})
        assert answer.status_code == 200, answer.text
        envelope = Envelope.from_json(answer.json())
        payload = verify(envelope, DESIRED_STATE_PAYLOAD, self.keys.order_keys())
        return DesiredState.from_json(json.loads(payload))

    def report(self, *endpoints: EndpointStatus, number: int | None = None) -> None:
        """The node says so, of the newest desired state unless another is named."""
        if number is None:
            with self.database.reading() as uow:
                number = self.deployment.changes.newest_number(uow)
        at = self.clock.now().isoformat()
        status = NodeStatus(self.node_id, number, at, 0, {}, {}, (), endpoints)
        answer = self.node_client().post("/node/v1/status", json=status.to_json())
        assert answer.status_code == 204, answer.text

    def report_live(self, release: dict[str, Any], endpoint_id: str) -> None:
        at = self.clock.now().isoformat()
        self.report(EndpointStatus(endpoint_id, "live", release["version_id"], release["id"], live_at=at))

    def endpoint_id(self, client: TestClient, project: str, name: str) -> str:
        return str(client.get(f"/api/v1/projects/{project}/endpoints/{name}").json()["id"])


@contextmanager
def deployment_application(url: str, folder: Path) -> Iterator[DeploymentApplication]:
    """Opens the database at the URL, keys and blobs in the folder."""
    clock, changes = HandClock(), Changes(Bell())
    database, lookups = open_database(url, clock), Database(DatabaseSettings(url))
    keys, projects = KeyRing.open(folder / "keys"), ProjectService(clock)
    identity: Identity = wire_identity(
        IdentitySection(), database, lookups, clock, keys, projects, EndpointNames(), changes.note, CHEAP_HASHING
    )
    artifacts = ArtifactService(database, BlobFolder(folder / "blobs"), keys.kek, projects, clock, size_bytes_max=2**20)
    models, gateway, node = ModelService(projects, artifacts, clock), EchoGateway(), AnsweringNode()
    deployment = wire_deployment(
        database, clock, keys, identity, models, node, AuditTrail(clock), changes, PUBLIC_URL, gateway
    )
    routers = [*identity.routers(), *deployment.routers()]
    settings = ServerSettings(server=ServerSection(home=folder))
    platform = Platform(settings, database, clock, identity.authenticator, identity.authorizer, slice_routers=routers)
    node_key = SigningKey.generate()
    with database.transaction() as uow:
        enrolled = identity.nodes.enrol(uow, "local", node_key.public_bytes)
    try:
        yield DeploymentApplication(
            create_app(platform),
            database,
            identity,
            keys,
            clock,
            KnownEndpoints(),
            artifacts=artifacts,
            models=models,
            deployment=deployment,
            gateway=gateway,
            node=node,
            node_key=node_key,
            node_id=enrolled.id,
        )
    finally:
        lookups.close()
        database.close()
