"""SQL of the desired state's number."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.deployment.desired_state.tables import desired_state_numbers
from modelyard.infra.db import UnitOfWork

_ID = 1


class NumberStore:  # lint-skip: project-scope one desired state serves all projects
    """The number of the newest desired state; 0 before the first."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection

    def get_number(self) -> int:
        query = sa.select(desired_state_numbers.c.number).where(desired_state_numbers.c.id == _ID)
        return int(self._connection.execute(query).scalar_one_or_none() or 0)

    def raise_number(self, beyond: int = 0) -> int:
        """The next number, above `beyond` too. Others who would raise it wait until this transaction ends."""
        number = desired_state_numbers.c.number
        higher = sa.case((number >= beyond, number), else_=beyond) + 1
        statement = desired_state_numbers.update().where(desired_state_numbers.c.id == _ID).values(number=higher)
        raised = self._connection.execute(statement.returning(number)).scalar_one_or_none()
        if raised is None:
            first = "INSERT INTO desired_state_numbers (id, number) VALUES (:id, 0) ON CONFLICT DO NOTHING"
            self._connection.execute(sa.text(first), {"id": _ID})
            raised = self._connection.execute(statement.returning(number)).scalar_one()
        return int(raised)
