"""SQL of users."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from modelyard.identity.users.domain import User
from modelyard.identity.users.tables import users
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.db.inserting import insert_unless_taken
from modelyard.infra.db.pages import read_page
from modelyard.kernel.paging import Page, PageRequest


class UserStore:  # lint-skip: project-scope users belong to the installation
    """Users of the installation. Password hashes leave by `find_password_hash` alone, never inside a User."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection

    def add(self, user: User, password_hash: str) -> bool:
        """False when the name is taken."""
        statement = users.insert().values(
            id=user.id,
            name=user.name,
            display_name=user.display_name,
            password_hash=password_hash,
            password_is_one_time=user.password_is_one_time,
            is_administrator=user.is_administrator,
            is_auditor=user.is_auditor,
            created_at=user.created_at,
            created_by=user.created_by,
            disabled_at=user.disabled_at,
        )
        return insert_unless_taken(self._connection, statement)

    def find(self, user_id: str) -> User | None:
        return self._one(users.c.id == user_id)

    def find_by_name(self, name: str) -> User | None:
        return self._one(users.c.name == name)

    def find_password_hash(self, user_id: str) -> str | None:
        query = sa.select(users.c.password_hash).where(users.c.id == user_id)
        found: str | None = self._connection.execute(query).scalar_one_or_none()
        return found

    def set_password(self, user_id: str, password_hash: str, *, is_one_time: bool) -> None:
        values = {"password_hash": password_hash, "password_is_one_time": is_one_time}
        self._connection.execute(users.update().where(users.c.id == user_id).values(**values))

    def set_disabled(self, user_id: str, at: datetime | None) -> None:
        self._connection.execute(users.update().where(users.c.id == user_id).values(disabled_at=at))

    def disabled_ids(self) -> frozenset[str]:
        query = sa.select(users.c.id).where(users.c.disabled_at.is_not(None))
        return frozenset(self._connection.execute(query).scalars())

    def is_empty(self) -> bool:
        return self._connection.execute(sa.select(users.c.id).limit(1)).one_or_none() is None

    def count_administrators(self) -> int:
        """Those who can log in."""
        query = sa.select(sa.func.count()).select_from(users)
        query = query.where(users.c.is_administrator, users.c.disabled_at.is_(None))
        return int(self._connection.execute(query).scalar_one())

    def list_users(self, page: PageRequest) -> Page[User]:
        return read_page(self._connection, sa.select(users), [users.c.name], page, _user)

    def _one(self, condition: sa.ColumnElement[bool]) -> User | None:
        row = self._connection.execute(sa.select(users).where(condition)).one_or_none()
        return None if row is None else _user(row)


def _user(row: Any) -> User:
    return User(
        row.id, row.name, row.display_name, row.is_administrator, row.is_auditor, row.password_is_one_time,
        row.created_at, row.created_by, row.disabled_at,
    )  # fmt: skip
