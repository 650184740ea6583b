"""Use cases of roles."""

from __future__ import annotations

from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.service import ProjectService
from modelyard.identity.roles.domain import SERVICE_ACCOUNT_PREFIX, SERVICE_ACCOUNT_ROLES, Member
from modelyard.identity.roles.errors import MemberNotFound, RoleNotForServiceAccounts
from modelyard.identity.roles.store import MembershipStore, all_members, roles_of
from modelyard.identity.service_accounts.service import ServiceAccountService
from modelyard.identity.tokens.service import AccessChanged
from modelyard.identity.users.service import UserService
from modelyard.infra.db.database import UnitOfWork
from modelyard.kernel.access import ROLE_PERMISSIONS, Access, Permission, Role
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Invalid
from modelyard.kernel.events import Event
from modelyard.kernel.paging import Page, PageRequest


class RoleService:
    """Gives and takes roles; knows who has which."""

    def __init__(
        self,
        clock: Clock,
        projects: ProjectService,
        accounts: ServiceAccountService,
        users: UserService,
        on_access_changed: AccessChanged,
    ) -> None:
        self._clock = clock
        self._projects = projects
        self._accounts = accounts
        self._users = users
        self._on_access_changed = on_access_changed

    def put(self, uow: UnitOfWork, access: Access, project: str, member: str, role: str) -> Member:
        """`member` is a user's name or `service_account:NAME`. Raises ProjectNotFound, Denied, UserNotFound,
        ServiceAccountNotFound, Invalid, RoleNotForServiceAccounts."""
        opened = self._projects.open(uow, access, project)
        try:
            wanted = Role(role)
        except ValueError:
            names = ", ".join(known.value for known in Role)
            raise Invalid(field="role", got=repr(role[:40]), expected=f"one of {names}") from None
        found = self._resolve(uow, opened, member, wanted)
        before = MembershipStore(uow, opened.id).find(found.principal_id)
        if before is not None and before.role is wanted:
            return before
        MembershipStore(uow, opened.id).put(found)
        details = {"member": found.label, "role": wanted.value, "before": before.role.value if before else None}
        action = "identity.member.role_changed" if before else "identity.member.added"
        uow.record(Event(action, f"project:{opened.name}", opened.id, opened.id, opened.name, details=details))
        self._on_access_changed(uow)
        return found

    def remove(self, uow: UnitOfWork, access: Access, project: str, member: str) -> None:
        """Raises ProjectNotFound, Denied, MemberNotFound."""
        opened = self._projects.open(uow, access, project)
        store = MembershipStore(uow, opened.id)
        found = next((known for known in store.members() if known.label == member), None)
        if found is None:
            raise MemberNotFound(member=member[:80], project=opened.name)
        store.remove(found.principal_id)
        details = {"member": found.label, "role": found.role.value}
        uow.record(
            Event(
                "identity.member.removed", f"project:{opened.name}", opened.id, opened.id, opened.name, details=details
            )
        )
        self._on_access_changed(uow)

    def list_members(self, uow: UnitOfWork, access: Access, project: str, page: PageRequest) -> Page[Member]:
        return MembershipStore(uow, self._projects.open(uow, access, project).id).list_members(page)

    def find_role(self, uow: UnitOfWork, project_id: str, principal_id: str) -> Role | None:
        """Checks nothing: this is what checks are made of."""
        member = MembershipStore(uow, project_id).find(principal_id)
        return None if member is None else member.role

    def roles_of(self, uow: UnitOfWork, principal_id: str) -> dict[str, Role]:
        """Project id -> role, in all projects of one principal."""
        return roles_of(uow, principal_id)

    def members_with(self, uow: UnitOfWork, project_id: str, permission: Permission) -> tuple[Member, ...]:
        """Members whose role holds the permission and who may log in, for rendering whom the gateway lets in."""
        members = MembershipStore(uow, project_id).members()
        return tuple(m for m in members if permission in ROLE_PERMISSIONS[m.role] and self._may_log_in(uow, m))

    def all_members(self, uow: UnitOfWork) -> tuple[Member, ...]:
        """Of the whole installation, those who may log in, in one go: for rendering whom the gateway lets in."""
        disabled = self._users.disabled_ids(uow)
        return tuple(member for member in all_members(uow) if member.principal_id not in disabled)

    def _may_log_in(self, uow: UnitOfWork, member: Member) -> bool:
        if member.principal_kind == "service_account":
            return True
        user = self._users.find(uow, member.principal_id)
        return user is not None and user.disabled_at is None

    def _resolve(self, uow: UnitOfWork, project: Project, member: str, role: Role) -> Member:
        now, by = self._clock.now(), uow.by.label
        if member.startswith(SERVICE_ACCOUNT_PREFIX):
            if role not in SERVICE_ACCOUNT_ROLES:
                raise RoleNotForServiceAccounts(role=role.value)
            account = self._accounts.get(uow, project, member.removeprefix(SERVICE_ACCOUNT_PREFIX))
            return Member(project.id, "service_account", account.id, account.name, role, now, by)
        user = self._users.get(uow, member)
        return Member(project.id, "user", user.id, user.name, role, now, by)
