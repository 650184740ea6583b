"""SQL of roles."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from modelyard.identity.roles.domain import Member
from modelyard.identity.roles.tables import memberships
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.db.inserting import insert_unless_taken
from modelyard.infra.db.pages import read_page
from modelyard.kernel.access import Role
from modelyard.kernel.paging import Page, PageRequest


class MembershipStore:
    """Members of one project."""

    def __init__(self, uow: UnitOfWork, project_id: str) -> None:
        self._connection = uow.connection
        self._project_id = project_id

    def put(self, member: Member) -> None:
        """Adds the member, or gives them the other role."""
        values = {"role": member.role.value, "created_at": member.created_at, "created_by": member.created_by}
        key = {"project_id": self._project_id, "principal_id": member.principal_id}
        change = memberships.update().where(
            memberships.c.project_id == self._project_id, memberships.c.principal_id == member.principal_id
        )
        if self._connection.execute(change.values(**values)).rowcount:
            return
        kind = {"principal_kind": member.principal_kind, "principal_name": member.name}
        if not insert_unless_taken(self._connection, memberships.insert().values(**key, **kind, **values)):
            self._connection.execute(change.values(**values))  # someone added them meanwhile

    def remove(self, principal_id: str) -> bool:
        statement = memberships.delete().where(
            memberships.c.project_id == self._project_id, memberships.c.principal_id == principal_id
        )
        return self._connection.execute(statement).rowcount == 1

    def find(self, principal_id: str) -> Member | None:
        row = self._connection.execute(self._query().where(memberships.c.principal_id == principal_id)).one_or_none()
        return None if row is None else _member(row)

    def members(self) -> tuple[Member, ...]:
        rows = self._connection.execute(self._query().order_by(memberships.c.principal_name))
        return tuple(_member(row) for row in rows)

    def list_members(self, page: PageRequest) -> Page[Member]:
        keys = [memberships.c.principal_name, memberships.c.principal_id]
        return read_page(self._connection, self._query(), keys, page, _member)

    def _query(self) -> sa.Select[Any]:
        return sa.select(memberships).where(memberships.c.project_id == self._project_id)


def roles_of(uow: UnitOfWork, principal_id: str) -> dict[str, Role]:
    """Project id -> role of one principal, in all projects: their own view of themselves."""
    query = sa.select(memberships.c.project_id, memberships.c.role).where(memberships.c.principal_id == principal_id)
    return {row.project_id: Role(row.role) for row in uow.connection.execute(query)}


def all_members(uow: UnitOfWork) -> tuple[Member, ...]:
    """Of the whole installation: for rendering whom the gateway lets in, and for nothing else."""
    query = sa.select(memberships).order_by(memberships.c.project_id, memberships.c.principal_id)
    return tuple(_member(row) for row in uow.connection.execute(query))


def _member(row: Any) -> Member:
    return Member(
        row.project_id, row.principal_kind, row.principal_id, row.principal_name, Role(row.role), row.created_at,
        row.created_by,
    )  # fmt: skip
