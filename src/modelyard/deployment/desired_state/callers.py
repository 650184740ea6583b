"""Who may call what: paired principals, project members who may try it, and the node's own probe."""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.contracts.desired_state import CallerState
from modelyard.identity.pairings.domain import Pairing
from modelyard.identity.pairings.service import PairingService
from modelyard.identity.roles.domain import Member
from modelyard.identity.roles.service import RoleService
from modelyard.identity.tokens.domain import PROBE_SUBJECT
from modelyard.infra.db import UnitOfWork
from modelyard.kernel.access import ROLE_PERMISSIONS, Permission

TRY_PURPOSE = "try it"
TRY_REQUESTS_PER_S = 10
PROBE = CallerState(PROBE_SUBJECT, PROBE_SUBJECT, "probe")


class Admission:
    """Whom the gateway lets in, as of one rendering."""

    def __init__(self, paired: Iterable[Pairing], members: Iterable[Member]) -> None:
        self._paired: dict[str, list[Pairing]] = {}
        for pairing in paired:
            self._paired.setdefault(pairing.endpoint_id, []).append(pairing)
        self._members: dict[str, list[Member]] = {}
        for member in members:
            self._members.setdefault(member.project_id, []).append(member)
        self._trying: dict[str, tuple[CallerState, ...]] = {}

    def callers_of(self, project_id: str, endpoint_id: str) -> tuple[CallerState, ...]:
        """A pairing counts before membership: it has the purpose, and a rate of its own."""
        paired = self._paired.get(endpoint_id)
        trying = self._trying_in(project_id)
        if not paired:
            return trying
        callers = {pairing.caller_id: _paired(pairing) for pairing in paired}
        for caller in trying:
            callers.setdefault(caller.principal_id, caller)
        return tuple(callers.values())

    def may_preview(self, project_id: str, principal_id: str) -> bool:
        """Whether they still may: leave that was given ends with the role."""
        return any(m.principal_id == principal_id for m in self._members_with(project_id, Permission.VERSION_PREVIEW))

    def _trying_in(self, project_id: str) -> tuple[CallerState, ...]:
        """Members and the probe: one tuple a project, as most endpoints differ in no more."""
        found = self._trying.get(project_id)
        if found is None:
            members = self._members_with(project_id, Permission.ENDPOINT_TRY)
            callers = (CallerState(m.principal_id, m.name, TRY_PURPOSE, TRY_REQUESTS_PER_S) for m in members)
            found = self._trying[project_id] = (*callers, PROBE)
        return found

    def _members_with(self, project_id: str, permission: Permission) -> list[Member]:
        return [m for m in self._members.get(project_id, ()) if permission in ROLE_PERMISSIONS[m.role]]


def read_admission(uow: UnitOfWork, pairings: PairingService, roles: RoleService) -> Admission:
    return Admission(sorted(pairings.all_holding(uow), key=lambda p: p.caller_id), roles.all_members(uow))


def _paired(pairing: Pairing) -> CallerState:
    return CallerState(pairing.caller_id, pairing.caller, pairing.purpose, pairing.requests_per_s)
