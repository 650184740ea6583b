"""SQL of service accounts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from modelyard.identity.service_accounts.domain import ServiceAccount
from modelyard.identity.service_accounts.tables import service_accounts
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.db.inserting import insert_unless_taken
from modelyard.infra.db.pages import read_page
from modelyard.kernel.paging import Page, PageRequest


class ServiceAccountStore:
    """Service accounts of one project."""

    def __init__(self, uow: UnitOfWork, project_id: str) -> None:
        self._connection = uow.connection
        self._project_id = project_id

    def add(self, account: ServiceAccount) -> bool:
        """False when the name is taken in this project."""
        if account.project_id != self._project_id:
            raise ValueError("the service account belongs to another project")
        statement = service_accounts.insert().values(
            id=account.id,
            project_id=account.project_id,
            name=account.name,
            description=account.description,
            created_at=account.created_at,
            created_by=account.created_by,
            disabled_at=account.disabled_at,
        )
        return insert_unless_taken(self._connection, statement)

    def find_by_name(self, name: str) -> ServiceAccount | None:
        query = self._query().where(service_accounts.c.name == name)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _account(row)

    def list_accounts(self, page: PageRequest) -> Page[ServiceAccount]:
        return read_page(self._connection, self._query(), [service_accounts.c.name], page, _account)

    def _query(self) -> sa.Select[Any]:
        return sa.select(service_accounts).where(service_accounts.c.project_id == self._project_id)


def find_account(uow: UnitOfWork, account_id: str) -> ServiceAccount | None:
    """By id, whatever its project: for finding out who a token's principal is, before any project is known."""
    row = uow.connection.execute(sa.select(service_accounts).where(service_accounts.c.id == account_id)).one_or_none()
    return None if row is None else _account(row)


def _account(row: Any) -> ServiceAccount:
    return ServiceAccount(
        row.id, row.project_id, row.name, row.description, row.created_at, row.created_by, row.disabled_at
    )
