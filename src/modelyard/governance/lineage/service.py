"""Use cases of lineage: it reads what other rooms keep, and keeps nothing of its own."""

from __future__ import annotations

from typing import Any, Protocol

from modelyard.deployment.endpoints.service import EndpointService
from modelyard.deployment.releases.service import ReleaseService
from modelyard.governance.lineage.domain import (
    caller_part,
    chain,
    endpoint_part,
    prediction_part,
    release_part,
    sentence,
    version_parts,
)
from modelyard.governance.lineage.errors import PredictionNotFound
from modelyard.identity.pairings.service import PairingService
from modelyard.identity.tokens.service import TokenService
from modelyard.infra.db import UnitOfWork
from modelyard.kernel.access import Access
from modelyard.registry.models.domain import Version
from modelyard.registry.models.service import ModelService

ID_CHARS_MAX = 80


class Nodes(Protocol):
    """Implemented by `deployment.replicas.asking.NodeAsker`."""

    def ask(self, kind: str, params: dict[str, Any], knows: Any = ...) -> dict[str, Any]: ...


class LineageService:
    def __init__(
        self,
        nodes: Nodes,
        models: ModelService,
        endpoints: EndpointService,
        releases: ReleaseService,
        tokens: TokenService,
        pairings: PairingService,
    ) -> None:
        self._nodes = nodes
        self._models = models
        self._endpoints = endpoints
        self._releases = releases
        self._tokens = tokens
        self._pairings = pairings

    def find_record(self, prediction_id: str) -> dict[str, Any]:
        """What a node's Envoy recorded. To be called outside any transaction, and shown to nobody before
        `of_prediction` checked it. Raises PredictionNotFound, NodeSilent, NoNodeToAsk."""
        if len(prediction_id) > ID_CHARS_MAX or not prediction_id.startswith("pr_"):
            raise PredictionNotFound(prediction_id=prediction_id[:ID_CHARS_MAX])
        answer = self._nodes.ask(
            "access_record", {"prediction_id": prediction_id}, lambda found: bool(found.get("record"))
        )
        record = answer.get("record")
        if not isinstance(record, dict):
            raise PredictionNotFound(prediction_id=prediction_id)
        return record

    def of_prediction(
        self, uow: UnitOfWork, access: Access, prediction_id: str, record: dict[str, Any]
    ) -> dict[str, Any]:
        """The whole chain. Raises PredictionNotFound, alike for a record without a version (the gateway refused the
        call) and for one of a project that the principal is no member of; Denied."""
        hidden = PredictionNotFound(prediction_id=prediction_id[:ID_CHARS_MAX])
        version = self._version(uow, _text(record, "version_id"))
        if version is None:
            raise hidden
        access.check(version.project_id, hidden=hidden)
        release = self._releases.find_by_id(uow, version.project_id, _text(record, "release_id"))
        endpoint = self._endpoints.find_by_id(uow, version.project_id, release.endpoint_id) if release else None
        token = self._tokens.find(uow, _text(record, "token_id"))
        caller_id = _text(record, "caller")
        pairing = (
            self._pairings.find_last(uow, version.project_id, caller_id, endpoint.id) if endpoint is not None else None
        )
        lineage: dict[str, Any] = {
            "prediction": prediction_part(record),
            "caller": caller_part(record, token, pairing),
            "endpoint": endpoint_part(endpoint) if endpoint else None,
            "release": release_part(release) if release else None,
            **version_parts(version, self._models.list_files(uow, version)),
        }
        return {"sentence": sentence(lineage), "chain": chain(lineage), **lineage}

    def of_version(self, uow: UnitOfWork, access: Access, project: str, model: str, reference: str) -> dict[str, Any]:
        """Without a prediction. Raises what `ModelService.get_version` does."""
        version = self._models.get_version(uow, access, project, model, reference)
        lineage = version_parts(version, self._models.list_files(uow, version))
        return {"chain": chain(lineage), **lineage}

    def of_endpoint(self, uow: UnitOfWork, access: Access, project: str, name: str) -> dict[str, Any]:
        """Of what answers there now. Raises EndpointNotFound, EndpointNotLive, Denied."""
        endpoint = self._endpoints.get(uow, access, project, name)
        version = self._endpoints.live_version(uow, endpoint)
        release = self._releases.find_by_id(uow, endpoint.project_id, endpoint.live_release_id or "")
        lineage: dict[str, Any] = {
            "endpoint": endpoint_part(endpoint),
            "release": release_part(release) if release else None,
            **version_parts(version, self._models.list_files(uow, version)),
        }
        return {"chain": chain(lineage), **lineage}

    def _version(self, uow: UnitOfWork, version_id: str) -> Version | None:
        return self._models.versions_by_ids(uow, [version_id]).get(version_id) if version_id else None


def _text(record: dict[str, Any], name: str) -> str:
    """Envoy writes `null` or `-` for what was not there."""
    value = record.get(name)
    return value if isinstance(value, str) and value != "-" else ""
