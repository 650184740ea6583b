"""Who may call what: paired principals, project members who may try it, and the node's own probe."""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.contracts.desired_state import CallerState
from modelyard.identity.pairings.domain import Pairing
from modelyard.identity.pairings.service import PairingService
from modelyard.identity.roles.service import RoleService
from modelyard.identity.tokens.domain import PROBE_SUBJECT
from modelyard.infra.db import UnitOfWork
from modelyard.kernel.access import Permission

TRY_PURPOSE = "try it"
TRY_REQUESTS_PER_S = 10
PROBE = CallerState(PROBE_SUBJECT, PROBE_SUBJECT, "probe")


class Admission:
    """Whom the gateway lets in, as of one rendering; members of a project are read when one of its endpoints is."""

    def __init__(self, uow: UnitOfWork, paired: Iterable[Pairing], roles: RoleService) -> None:
        self._uow = uow
        self._roles = roles
        self._paired: dict[str, list[Pairing]] = {}
        for pairing in paired:
            self._paired.setdefault(pairing.endpoint_id, []).append(pairing)
        self._members: dict[tuple[str, Permission], tuple[tuple[str, str], ...]] = {}

    def callers_of(self, project_id: str, endpoint_id: str) -> tuple[CallerState, ...]:
        """A pairing counts before membership: it has the purpose, and a rate of its own."""
        callers = {p.caller_id: _paired(p) for p in self._paired.get(endpoint_id, ())}
        for principal_id, name in self._members_with(project_id, Permission.ENDPOINT_TRY):
            callers.setdefault(principal_id, CallerState(principal_id, name, TRY_PURPOSE, TRY_REQUESTS_PER_S))
        callers[PROBE.principal_id] = PROBE
        return tuple(callers.values())

    def may_preview(self, project_id: str, principal_id: str) -> bool:
        """Whether they still may: leave that was given ends with the role."""
        return any(member[0] == principal_id for member in self._members_with(project_id, Permission.VERSION_PREVIEW))

    def _members_with(self, project_id: str, permission: Permission) -> tuple[tuple[str, str], ...]:
        key = (project_id, permission)
        if key not in self._members:
            members = self._roles.members_with(self._uow, project_id, permission)
            self._members[key] = tuple(sorted((m.principal_id, m.name) for m in members))
        return self._members[key]


def read_admission(uow: UnitOfWork, pairings: PairingService, roles: RoleService) -> Admission:
    return Admission(uow, sorted(pairings.all_holding(uow), key=lambda p: p.caller_id), roles)


def _paired(pairing: Pairing) -> CallerState:
    return CallerState(pairing.caller_id, pairing.caller, pairing.purpose, pairing.requests_per_s)
