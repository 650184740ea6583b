"""SQL of sessions: the counters of failed logins. Sessions themselves are tokens."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from modelyard.identity.sessions.domain import Failures
from modelyard.identity.sessions.tables import login_failures
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.db.inserting import insert_unless_taken


class LoginFailureStore:  # lint-skip: project-scope logins belong to the installation
    """Counters by subject."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection

    def find(self, subject: str) -> Failures | None:
        """Locks the row on PostgreSQL, so that attempts at once are all counted."""
        query = sa.select(login_failures).where(login_failures.c.subject == subject).with_for_update()
        row = self._connection.execute(query).one_or_none()
        # Not `row.count`: rows are tuples, and a tuple's own method has that name.
        return None if row is None else Failures(row._mapping["count"], row.since, row.last_at)

    def put(self, subject: str, failures: Failures) -> None:
        values = {"count": failures.count, "since": failures.since, "last_at": failures.last_at}
        change = login_failures.update().where(login_failures.c.subject == subject)
        if self._connection.execute(change.values(**values)).rowcount:
            return
        if not insert_unless_taken(self._connection, login_failures.insert().values(subject=subject, **values)):
            # Two first failures at once: the other's row is there now, and ours is one more.
            self._connection.execute(change.values(count=login_failures.c.count + 1))

    def clear(self, subject: str) -> None:
        self._connection.execute(login_failures.delete().where(login_failures.c.subject == subject))

    def forget_before(self, moment: datetime) -> int:
        return self._connection.execute(login_failures.delete().where(login_failures.c.last_at < moment)).rowcount
