"""SQL of tokens."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from modelyard.identity.tokens.domain import Token
from modelyard.identity.tokens.tables import tokens
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.db.pages import read_page
from modelyard.kernel.paging import Page, PageRequest


class TokenStore:
    """API tokens of one project."""

    def __init__(self, uow: UnitOfWork, project_id: str) -> None:
        self._connection = uow.connection
        self._project_id = project_id

    def find(self, token_id: str) -> Token | None:
        row = self._connection.execute(self._query().where(tokens.c.id == token_id)).one_or_none()
        return None if row is None else _token(row)

    def list_api_tokens(self, principal_id: str | None, page: PageRequest) -> Page[Token]:
        """Newest first; of one principal, or None for all."""
        query = self._query().where(tokens.c.kind == "api")
        if principal_id is not None:
            query = query.where(tokens.c.principal_id == principal_id)
        return read_page(self._connection, query, [tokens.c.id], page, _token, newest_first=True)

    def last_expiries(self, now: datetime) -> dict[str, datetime]:
        """Principal id -> the end of its longest-lived valid API token."""
        query = (
            sa.select(tokens.c.principal_id, sa.func.max(tokens.c.expires_at, type_=tokens.c.expires_at.type))
            .where(tokens.c.project_id == self._project_id, tokens.c.kind == "api")
            .where(tokens.c.revoked_at.is_(None), tokens.c.expires_at > now)
            .group_by(tokens.c.principal_id)
        )
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def _query(self) -> sa.Select[Any]:
        return sa.select(tokens).where(tokens.c.project_id == self._project_id)


class IssuedTokenStore:  # lint-skip: project-scope a bearer is found before any project is known; sessions have none
    """All tokens of the installation, for finding out who asks and whom to refuse."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection

    def add(self, token: Token) -> None:
        values = asdict(token) | {"project_id": token.project_id or None}
        self._connection.execute(tokens.insert().values(**values))

    def find(self, token_id: str) -> Token | None:
        row = self._connection.execute(sa.select(tokens).where(tokens.c.id == token_id)).one_or_none()
        return None if row is None else _token(row)

    def revoke(self, token_id: str, now: datetime) -> bool:
        """False when it was revoked before."""
        statement = tokens.update().where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
        return self._connection.execute(statement.values(revoked_at=now)).rowcount == 1

    def revoke_all_of(self, principal_id: str, now: datetime, *, kind: str | None, keep: str) -> int:
        """Revokes a principal's valid tokens, of one kind or (None) of all, but the one whose id is `keep`."""
        statement = tokens.update().where(
            tokens.c.principal_id == principal_id,
            tokens.c.revoked_at.is_(None),
            tokens.c.expires_at > now,
            tokens.c.id != keep,
        )
        if kind is not None:
            statement = statement.where(tokens.c.kind == kind)
        return self._connection.execute(statement.values(revoked_at=now)).rowcount

    def makers_of(self, principal_id: str) -> frozenset[str]:
        query = sa.select(tokens.c.created_by).distinct()
        query = query.where(tokens.c.principal_id == principal_id, tokens.c.principal_kind == "service_account")
        return frozenset(self._connection.execute(query).scalars())

    def revoked_and_unexpired(self, now: datetime) -> tuple[Token, ...]:
        query = sa.select(tokens).where(tokens.c.revoked_at.is_not(None), tokens.c.expires_at > now)
        return tuple(_token(row) for row in self._connection.execute(query.order_by(tokens.c.id)))

    def forget_short_lived(self, before: datetime) -> int:
        """Drops sessions and prediction tokens that expired before the moment; API tokens stay for the record."""
        statement = tokens.delete().where(tokens.c.kind != "api", tokens.c.expires_at < before)
        return self._connection.execute(statement).rowcount


def _token(row: Any) -> Token:
    return Token(**{**row._mapping, "project_id": row.project_id or ""})
