"""Use cases of service accounts."""

from __future__ import annotations

from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.service import ProjectService
from modelyard.identity.service_accounts.domain import ServiceAccount
from modelyard.identity.service_accounts.errors import ServiceAccountNameTaken, ServiceAccountNotFound
from modelyard.identity.service_accounts.store import ServiceAccountStore, find_account
from modelyard.infra.db.database import UnitOfWork
from modelyard.kernel.access import Access
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Invalid
from modelyard.kernel.events import Event
from modelyard.kernel.ids import NAME_RULE, is_name, new_id
from modelyard.kernel.paging import Page, PageRequest


class ServiceAccountService:
    """Makes and finds the service accounts of a project."""

    def __init__(self, clock: Clock, projects: ProjectService) -> None:
        self._clock = clock
        self._projects = projects

    def create(self, uow: UnitOfWork, access: Access, project: str, name: str, description: str = "") -> ServiceAccount:
        """Raises ProjectNotFound, Denied, Invalid, ServiceAccountNameTaken."""
        return self.add(uow, self._projects.open(uow, access, project), name, description)

    def add(self, uow: UnitOfWork, project: Project, name: str, description: str = "") -> ServiceAccount:
        """For callers inside identity that have checked the permission already."""
        if not is_name(name):
            raise Invalid(field="service account", got=repr(name[:80]), expected=NAME_RULE)
        account = ServiceAccount(new_id("sa"), project.id, name, description, self._clock.now(), uow.by.label)
        if not ServiceAccountStore(uow, project.id).add(account):
            raise ServiceAccountNameTaken(name=name, project=project.name)
        target = f"service_account:{project.name}/{name}"
        uow.record(Event("identity.service_account.created", target, account.id, project.id, project.name))
        return account

    def get(self, uow: UnitOfWork, project: Project, name: str) -> ServiceAccount:
        """In a project that was checked. Raises ServiceAccountNotFound."""
        account = ServiceAccountStore(uow, project.id).find_by_name(name)
        if account is None:
            raise ServiceAccountNotFound(name=name[:80], project=project.name)
        return account

    def find(self, uow: UnitOfWork, project: Project, name: str) -> ServiceAccount | None:
        return ServiceAccountStore(uow, project.id).find_by_name(name)

    def find_by_id(self, uow: UnitOfWork, account_id: str) -> ServiceAccount | None:
        """By id, whatever its project: for finding out who asks."""
        return find_account(uow, account_id)

    def list_accounts(self, uow: UnitOfWork, access: Access, project: str, page: PageRequest) -> Page[ServiceAccount]:
        return ServiceAccountStore(uow, self._projects.open(uow, access, project).id).list_accounts(page)
