"""Who may call what: paired principals, project members who may try it, and the node's own probe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from modelyard.contracts.desired_state import CallerState
from modelyard.infra.db import UnitOfWork
from modelyard.kernel.access import Permission

TRY_PURPOSE = "try it"
TRY_REQUESTS_PER_S = 10
PROBE_PURPOSE = "probe"


@dataclass(frozen=True, slots=True)
class PairedCaller:
    """A principal allowed at one endpoint, which need not exist yet."""

    project_id: str
    endpoint: str
    principal_id: str
    name: str
    purpose: str
    requests_per_s: int


class Pairings(Protocol):
    def list_all(self, uow: UnitOfWork) -> Iterable[PairedCaller]:
        """Of all projects, of principals that are not disabled."""
        ...


class Members(Protocol):
    def list_all_with(self, uow: UnitOfWork, permission: Permission) -> Mapping[str, tuple[tuple[str, str], ...]]:
        """Project id -> (principal id, name) of members whose role holds the permission and who may log in."""
        ...


@dataclass(frozen=True, slots=True)
class Admission:
    """Whom the gateway lets in, as of one rendering."""

    paired: Mapping[tuple[str, str], tuple[PairedCaller, ...]]
    trying: Mapping[str, tuple[tuple[str, str], ...]]
    previewing: Mapping[str, frozenset[str]]
    probe: CallerState

    def callers_of(self, project_id: str, endpoint: str) -> tuple[CallerState, ...]:
        """A pairing counts before membership: it has the purpose, and a rate of its own."""
        callers = {p.principal_id: _paired(p) for p in self.paired.get((project_id, endpoint), ())}
        for principal_id, name in self.trying.get(project_id, ()):
            callers.setdefault(principal_id, CallerState(principal_id, name, TRY_PURPOSE, TRY_REQUESTS_PER_S))
        callers[self.probe.principal_id] = self.probe
        return tuple(callers.values())

    def may_preview(self, project_id: str, principal_id: str) -> bool:
        return principal_id in self.previewing.get(project_id, frozenset())


def read_admission(uow: UnitOfWork, pairings: Pairings, members: Members, probe_subject: str) -> Admission:
    paired: dict[tuple[str, str], list[PairedCaller]] = {}
    for pairing in pairings.list_all(uow):
        paired.setdefault((pairing.project_id, pairing.endpoint), []).append(pairing)
    previewing = members.list_all_with(uow, Permission.VERSION_PREVIEW)
    return Admission(
        {key: tuple(sorted(found, key=lambda p: p.principal_id)) for key, found in paired.items()},
        members.list_all_with(uow, Permission.ENDPOINT_TRY),
        {project_id: frozenset(member[0] for member in found) for project_id, found in previewing.items()},
        CallerState(probe_subject, probe_subject, PROBE_PURPOSE),
    )


def _paired(pairing: PairedCaller) -> CallerState:
    return CallerState(pairing.principal_id, pairing.name, pairing.purpose, pairing.requests_per_s)
