"""What a principal may do: the one place that turns roles into permissions."""

from __future__ import annotations

from modelyard.identity.projects.service import ProjectService
from modelyard.identity.roles.service import RoleService
from modelyard.infra.db.database import Database, UnitOfWork
from modelyard.kernel.access import (
    ADMINISTRATOR_PERMISSIONS,
    AUDITOR_PERMISSIONS,
    ROLE_PERMISSIONS,
    Permission,
    Principal,
)

_NOTHING: frozenset[Permission] = frozenset()
_EVERYTHING = frozenset(Permission)


class RoleAuthorizer:
    """Implements `kernel.access.Authorizer` from memberships and installation roles.

    It reads on connections of its own. Pass it a Database that no transaction is waiting on: a thread that holds one
    connection and asks the same pool for a second can wait for ever when all do.
    """

    def __init__(self, lookups: Database, projects: ProjectService, roles: RoleService) -> None:
        self._lookups = lookups
        self._projects = projects
        self._roles = roles

    def project_permissions(self, principal: Principal, project_id: str) -> frozenset[Permission]:
        """The role's, and what an installation role gives in every project: an administrator manages members and reads
        the audit trail, but reads no model and approves nothing without a role. A token bound to a project has nothing
        in any other."""
        if principal.kind == "system":
            return _EVERYTHING
        if principal.kind not in ("user", "service_account", "host"):
            return _NOTHING
        with self._lookups.reading() as uow:
            if self._is_bound_elsewhere(uow, principal, project_id):
                return _NOTHING
            role = self._roles.find_role(uow, project_id, principal.id)
        held = ROLE_PERMISSIONS[role] if role else _NOTHING
        return held | self.installation_roles(principal)

    def installation_permissions(self, principal: Principal) -> frozenset[Permission]:
        """Of the installation's own things. A token bound to a project has none."""
        if principal.kind == "system":
            return _EVERYTHING
        return _NOTHING if principal.token_project else self.installation_roles(principal)

    def project_ids(self, principal: Principal, permission: Permission) -> frozenset[str] | None:
        if principal.kind == "system":
            return None
        if principal.kind not in ("user", "service_account", "host"):
            return frozenset()
        everywhere = permission in self.installation_roles(principal)
        if everywhere and not principal.token_project:
            return None
        with self._lookups.reading() as uow:
            held = self._roles.roles_of(uow, principal.id)
            if not principal.token_project:
                return frozenset(pid for pid, role in held.items() if permission in ROLE_PERMISSIONS[role])
            bound = self._projects.find_by_name(uow, principal.token_project)
        if bound is None:
            return frozenset()
        role = held.get(bound.id)
        return frozenset({bound.id}) if everywhere or (role and permission in ROLE_PERMISSIONS[role]) else frozenset()

    @staticmethod
    def installation_roles(principal: Principal) -> frozenset[Permission]:
        """The host is whoever owns the machine, and as such an administrator."""
        held = _NOTHING
        if principal.is_administrator or principal.kind == "host":
            held |= ADMINISTRATOR_PERMISSIONS
        return held | AUDITOR_PERMISSIONS if principal.is_auditor else held

    def _is_bound_elsewhere(self, uow: UnitOfWork, principal: Principal, project_id: str) -> bool:
        if not principal.token_project:
            return False
        bound = self._projects.find_by_name(uow, principal.token_project)
        return bound is None or bound.id != project_id
