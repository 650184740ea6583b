"""Use cases of previews."""

from __future__ import annotations

from datetime import datetime

from modelyard.contracts.statements import IN_TOTO_PAYLOAD, PreviewStatement
from modelyard.deployment.endpoints.service import Touch
from modelyard.deployment.previews.domain import MINUTES_DEFAULT, Preview, life_of
from modelyard.deployment.previews.store import EveryPreviewStore, PreviewStore
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.db import UnitOfWork
from modelyard.kernel.access import Access
from modelyard.kernel.clock import Clock, to_rfc3339
from modelyard.kernel.events import Event
from modelyard.kernel.ids import new_id
from modelyard.registry.models.service import ModelService
from modelyard.trust.attestations import SigningKey, sign


class PreviewService:
    def __init__(
        self,
        clock: Clock,
        projects: ProjectService,
        models: ModelService,
        installation: str,
        release_key: SigningKey,
        touch: Touch,
    ) -> None:
        self._clock = clock
        self._projects = projects
        self._models = models
        self._installation = installation
        self._release_key = release_key
        self._touch = touch

    def grant(
        self, uow: UnitOfWork, access: Access, project: str, model: str, version: str, minutes: int = MINUTES_DEFAULT
    ) -> Preview:
        """Leave for the caller to call this version, in the place of any they had of it.

        Raises ProjectNotFound, Denied, ModelNotFound, VersionNotFound, AliasNotFound, Invalid.
        """
        opened = self._projects.open(uow, access, project)
        life = life_of(minutes)
        found = self._models.find_in_project(uow, opened, model, version)
        now = self._clock.now().replace(microsecond=0)
        statement = PreviewStatement(
            installation=self._installation, project=opened.name, model=found.model, version=found.number,
            version_id=found.id, version_digest=found.digest, requested_by=access.principal.label,
            issued_at=to_rfc3339(now), expires_at=to_rfc3339(now + life),
        )  # fmt: skip
        envelope = sign(IN_TOTO_PAYLOAD, statement.to_payload(), self._release_key)
        preview = Preview(
            new_id("re"), opened.id, opened.name, found.model, found.number, found.id, found.digest,
            access.principal.id, access.principal.name, now, now + life, envelope.to_json(),
        )  # fmt: skip
        EveryPreviewStore(uow).forget_before(now)
        PreviewStore(uow, opened.id).replace(preview)
        details = {"digest": found.digest, "expires_at": to_rfc3339(preview.expires_at)}
        target = f"version:{opened.name}/{found.model}:{found.number}"
        uow.record(Event("deployment.preview.granted", target, found.id, opened.id, opened.name, details=details))
        self._touch(uow)
        return preview

    def list_valid(self, uow: UnitOfWork, now: datetime) -> list[Preview]:
        """Of all projects, for rendering desired state; of one version the one that lasts longest first."""
        return EveryPreviewStore(uow).list_valid(now)
