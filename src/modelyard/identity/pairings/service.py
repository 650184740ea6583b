"""Use cases of pairings."""

from __future__ import annotations

from datetime import datetime

from modelyard.identity.pairings.domain import PURPOSE_CHARS_MAX, Allowed, EndpointDirectory, Pairing
from modelyard.identity.pairings.errors import PairingEndpointUnknown, PairingExists, PairingNotFound
from modelyard.identity.pairings.store import PairingStore, all_holding
from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.service import ProjectService
from modelyard.identity.service_accounts.service import ServiceAccountService
from modelyard.identity.tokens.service import AccessChanged, TokenService
from modelyard.infra.db.database import UnitOfWork
from modelyard.kernel.access import Access
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Invalid
from modelyard.kernel.events import Event
from modelyard.kernel.ids import new_id
from modelyard.kernel.paging import Page, PageRequest

REQUESTS_PER_S_MAX = 1_000_000


class PairingService:
    """Allows and denies callers."""

    def __init__(
        self,
        clock: Clock,
        projects: ProjectService,
        accounts: ServiceAccountService,
        tokens: TokenService,
        endpoints: EndpointDirectory,
        on_access_changed: AccessChanged,
    ) -> None:
        self._clock = clock
        self._projects = projects
        self._accounts = accounts
        self._tokens = tokens
        self._endpoints = endpoints
        self._on_access_changed = on_access_changed

    def allow(
        self,
        uow: UnitOfWork,
        access: Access,
        project: str,
        caller: str,
        endpoint: str,
        purpose: str,
        requests_per_s: int = 0,
    ) -> Allowed:
        """Lets a service account call an endpoint; makes the account when there is none of that name.

        Raises ProjectNotFound, Denied, Invalid, PairingEndpointUnknown, PairingExists.
        """
        opened = self._projects.open(uow, access, project)
        purpose = purpose.strip()
        if not 1 <= len(purpose) <= PURPOSE_CHARS_MAX:
            expected = f"why they call, in 1 to {PURPOSE_CHARS_MAX} characters"
            raise Invalid(field="purpose", got=f"{len(purpose)} characters", expected=expected)
        if not 0 <= requests_per_s <= REQUESTS_PER_S_MAX:
            raise Invalid(field="requests_per_s", got=requests_per_s, expected=f"0 to {REQUESTS_PER_S_MAX}")
        found = self._endpoints.find_endpoint(uow, opened.id, endpoint)
        if found is None:
            raise PairingEndpointUnknown(endpoint=endpoint[:80], project=opened.name)
        known = self._accounts.find(uow, opened, caller)
        account = known or self._accounts.add(uow, opened, caller, f"Calls {found.name}: {purpose}")
        pairing = Pairing(
            new_id("pa"), opened.id, account.id, account.name, found.id, found.name, purpose, requests_per_s,
            self._clock.now(), uow.by.label,
        )  # fmt: skip
        if not PairingStore(uow, opened.id).add(pairing):
            held = PairingStore(uow, opened.id).find_holding(account.id, found.id)
            raise PairingExists(caller=account.name, endpoint=found.name, purpose=held.purpose if held else "")
        self._record(uow, "identity.pairing.allowed", opened, pairing)
        return Allowed(pairing, known is None)

    def deny(self, uow: UnitOfWork, access: Access, project: str, pairing_id: str) -> Pairing:
        """Ends it; ending it twice is no error. Raises ProjectNotFound, Denied, PairingNotFound."""
        opened = self._projects.open(uow, access, project)
        store = PairingStore(uow, opened.id)
        pairing = store.find(pairing_id)
        if pairing is None:
            raise PairingNotFound(pairing_id=pairing_id[:80], project=opened.name)
        if store.revoke(pairing_id, self._clock.now()):
            self._record(uow, "identity.pairing.denied", opened, pairing)
        return store.find(pairing_id) or pairing

    def list_pairings(
        self, uow: UnitOfWork, access: Access, project: str, endpoint: str | None, page: PageRequest
    ) -> tuple[Page[Pairing], dict[str, datetime]]:
        """Those that hold, newest first, and caller id -> the end of its longest-lived token."""
        opened = self._projects.open(uow, access, project)
        found = PairingStore(uow, opened.id).list_holding(endpoint, page)
        return found, self._tokens.last_expiries(uow, opened.id)

    def find_last(self, uow: UnitOfWork, project_id: str, caller_id: str, endpoint_id: str) -> Pairing | None:
        """The newest of that caller and endpoint, ended or not: why they may or might call. Of a project that was
        checked."""
        return PairingStore(uow, project_id).find_last(caller_id, endpoint_id)

    def all_holding(self, uow: UnitOfWork) -> tuple[Pairing, ...]:
        """Of the whole installation: for rendering whom the gateway lets in."""
        return all_holding(uow)

    def _record(self, uow: UnitOfWork, action: str, project: Project, pairing: Pairing) -> None:
        details = {"caller": pairing.caller, "endpoint": pairing.endpoint}
        target = f"endpoint:{project.name}/{pairing.endpoint}"
        uow.record(Event(action, target, pairing.id, project.id, project.name, pairing.purpose, details=details))
        self._on_access_changed(uow)
