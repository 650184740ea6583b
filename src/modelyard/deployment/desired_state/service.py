"""The newest desired state, rendered once per number and signed with the order key."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from modelyard.contracts.desired_state import CallerState, PreviewState, RevokedToken, SplitState
from modelyard.contracts.statements import DESIRED_STATE_PAYLOAD, Envelope
from modelyard.deployment.desired_state.callers import Admission, read_admission
from modelyard.deployment.desired_state.changes import Changes
from modelyard.deployment.desired_state.rendering import (
    Frame,
    Parts,
    assemble,
    render_endpoint,
    render_preview,
    render_version,
)
from modelyard.deployment.desired_state.store import NumberStore
from modelyard.deployment.endpoints.domain import Wanted
from modelyard.deployment.endpoints.service import EndpointService
from modelyard.deployment.previews.domain import Preview
from modelyard.deployment.previews.service import PreviewService
from modelyard.deployment.releases.domain import Cover
from modelyard.deployment.releases.service import ReleaseService
from modelyard.identity.pairings.service import PairingService
from modelyard.identity.projects.service import ProjectService
from modelyard.identity.roles.service import RoleService
from modelyard.identity.tokens.service import TokenService
from modelyard.infra.db import Database, UnitOfWork
from modelyard.kernel.clock import Clock, to_rfc3339
from modelyard.kernel.events import Event
from modelyard.registry.models.domain import Version
from modelyard.registry.models.service import ModelService
from modelyard.trust.attestations import SigningKey, sign

LEASE = timedelta(hours=1)
PREVIEW_REQUESTS_PER_S = 20
READ_ATTEMPTS = 5
READ_BATCH = 500


@dataclass(frozen=True, slots=True)
class Sources:
    """Where desired state comes from. None of them is handed the release key by this service."""

    endpoints: EndpointService
    releases: ReleaseService
    previews: PreviewService
    models: ModelService
    projects: ProjectService
    pairings: PairingService
    roles: RoleService
    tokens: TokenService


class _MadeOf(NamedTuple):
    """What an endpoint's part depends on, besides things that never change."""

    endpoint: Wanted
    covers: tuple[Cover, ...]
    callers: tuple[CallerState, ...]


@dataclass(frozen=True, slots=True)
class SignedState:
    """`body` is the envelope as JSON. At `renew_at` a new one is due though nothing changed."""

    number: int
    body: bytes
    renew_at: datetime


class DesiredStateService:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        installation: str,
        order_key: SigningKey,
        sources: Sources,
        changes: Changes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._installation = installation
        self._order_key = order_key
        self._sources = sources
        self._changes = changes
        self._lock = threading.Lock()
        self._parts = Parts()
        self._versions: dict[str, Version] = {}
        self._newest: SignedState | None = None

    def newest(self, node_has: int = 0) -> SignedState:
        """Rendered at most once per number, whoever asks. A new number is due when a lease is half over, a preview
        ends, this process is new, or a node has seen a higher one (the database was restored from a backup)."""
        with self._lock:
            now = self._clock.now()
            newest = self._newest
            with self._database.reading() as uow:
                number = NumberStore(uow).get_number()
            if newest is None or now >= newest.renew_at or node_has > number:
                number = self._renew(number, node_has)
            if newest is None or newest.number != number or now >= newest.renew_at:
                newest = self._newest = self._render(now)
            return newest

    def _renew(self, number: int, node_has: int) -> int:
        with self._database.transaction() as uow:
            raised = NumberStore(uow).raise_number(node_has)
            if node_has > number:
                details = {"node_had": node_has, "number": raised}
                uow.record(Event("deployment.desired_state.number_advanced", "desired_state", details=details))
            uow.after_commit(self._changes.bell.ring)
        return raised

    def _render(self, now: datetime) -> SignedState:
        """Reads until no change came in between: PostgreSQL's statements each see their own moment."""
        number, payload, renew_at = self._read_once(now)
        for _ in range(READ_ATTEMPTS):
            if self._database.is_sqlite or self._number() == number:
                break
            number, payload, renew_at = self._read_once(now)
        envelope = sign(DESIRED_STATE_PAYLOAD, payload, self._order_key)
        return SignedState(number, _envelope_bytes(envelope), renew_at)

    def _read_once(self, now: datetime) -> tuple[int, bytes, datetime]:
        with self._database.reading() as uow:
            number = NumberStore(uow).get_number()
            return (number, *self._read(uow, number, now))

    def _number(self) -> int:
        with self._database.reading() as uow:
            return NumberStore(uow).get_number()

    def _read(self, uow: UnitOfWork, number: int, now: datetime) -> tuple[bytes, datetime]:
        sources = self._sources
        self._parts.begin()
        admission = read_admission(uow, sources.pairings, sources.roles)
        endpoints, endpoint_versions = self._endpoint_parts(uow, sources.endpoints.list_wanted(uow), admission)
        valid = sources.previews.list_valid(uow, now)
        granted = [p for p in valid if admission.may_preview(p.project_id, p.principal_id)]
        previews = [self._preview_part(list(same)) for _, same in groupby(granted, key=lambda p: p.version_id)]
        versions = self._version_parts(uow, endpoint_versions | {preview.version_id for preview in granted})
        revoked = tuple(RevokedToken(t.id, to_rfc3339(t.expires_at)) for t in sources.tokens.revoked_tokens(uow))
        # The probe's token outlives the lease: a node that lost contact goes on asking its own endpoints.
        probe = sources.tokens.mint_probe_token(LEASE * 25)
        frame = Frame(
            self._installation, number, to_rfc3339(now), to_rfc3339(now + LEASE), sources.tokens.token_keys(), probe,
            revoked,
        )  # fmt: skip
        renew_at = min([now + LEASE / 2, *(preview.expires_at for preview in granted)])
        return assemble(frame, versions, endpoints, previews), renew_at

    def _endpoint_parts(
        self, uow: UnitOfWork, endpoints: list[Wanted], admission: Admission
    ) -> tuple[list[bytes], set[str]]:
        """The endpoints, and the ids of all versions that they refer to."""
        covers = self._sources.releases.covers(uow, {key for endpoint in endpoints for key in endpoint.release_ids})
        made_of: dict[str, _MadeOf] = {}
        for endpoint in endpoints:
            found = tuple(covers[release_id] for release_id in endpoint.release_ids if release_id in covers)
            made_of[endpoint.id] = _MadeOf(endpoint, found, admission.callers_of(endpoint.project_id, endpoint.id))
        parts = {endpoint_id: self._parts.find(endpoint_id, made) for endpoint_id, made in made_of.items()}
        self._render_endpoints(uow, parts, [made_of[key] for key, part in parts.items() if part is None])
        versions = {cover.version_id for made in made_of.values() for cover in made.covers}
        return [part for part in parts.values() if part], versions

    def _render_endpoints(self, uow: UnitOfWork, parts: dict[str, bytes | None], missing: list[_MadeOf]) -> None:
        if not missing:
            return
        statements = self._sources.releases.statements(uow, {cover.id for made in missing for cover in made.covers})
        versions = self._load_versions(uow, {cover.version_id for made in missing for cover in made.covers[:1]})
        for made in missing:
            splits = [
                SplitState(cover.version_id, cover.id, cover.number, 0, statements.get(cover.id) or {})
                for cover in made.covers
            ]
            # Without a row of the release that should answer there is nothing to say about the endpoint.
            if not splits or splits[0].release_id != made.endpoint.target_release_id:
                continue
            target = replace(splits[0], traffic_percent=100)
            part = render_endpoint(
                made.endpoint, target, tuple(splits[1:]), made.callers, versions.get(target.version_id)
            )
            parts[made.endpoint.id] = self._parts.keep(made.endpoint.id, made, part)

    def _preview_part(self, same: list[Preview]) -> bytes:
        """All previews of one version: one statement, the one that lasts longest, and everybody who asked."""
        longest = same[0]
        callers = tuple(CallerState(p.principal_id, p.principal_name, "preview", PREVIEW_REQUESTS_PER_S) for p in same)
        return render_preview(
            PreviewState(
                longest.version_id, longest.project, longest.model, longest.version, callers, longest.statement,
                to_rfc3339(longest.expires_at), PREVIEW_REQUESTS_PER_S,
            )
        )  # fmt: skip

    def _version_parts(self, uow: UnitOfWork, version_ids: set[str]) -> list[bytes]:
        parts = {version_id: self._parts.find(version_id, None) for version_id in sorted(version_ids)}
        missing = {version_id for version_id, part in parts.items() if part is None}
        if missing:
            names = self._sources.projects.names(uow)
            for version_id, version in self._load_versions(uow, missing).items():
                part = render_version(version, names.get(version.project_id, ""))
                parts[version_id] = self._parts.keep(version_id, None, part)
        return [part for part in parts.values() if part]

    def _load_versions(self, uow: UnitOfWork, version_ids: set[str]) -> dict[str, Version]:
        """Versions never change, so each is read once in the life of the process. One that is not there is left out."""
        missing = sorted(version_ids - self._versions.keys())
        for start in range(0, len(missing), READ_BATCH):
            self._versions |= self._sources.models.versions_by_ids(uow, missing[start : start + READ_BATCH])
        return {version_id: self._versions[version_id] for version_id in version_ids if version_id in self._versions}


def _envelope_bytes(envelope: Envelope) -> bytes:
    """`json.dumps(envelope.to_json())` without passing megabytes of base64 through the encoder."""
    signatures = [{"keyid": s.keyid, "sig": base64.b64encode(s.sig).decode()} for s in envelope.signatures]
    return b"".join(
        (
            b'{"payloadType":', json.dumps(envelope.payload_type).encode(), b',"payload":"',
            base64.b64encode(envelope.payload), b'","signatures":', json.dumps(signatures).encode(), b"}",
        )
    )  # fmt: skip
