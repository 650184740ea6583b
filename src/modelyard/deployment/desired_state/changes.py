"""Making the next desired state due: every change that a node must learn of calls `touch` in its own transaction."""

from __future__ import annotations

from modelyard.deployment.desired_state.store import NumberStore
from modelyard.infra.db import UnitOfWork
from modelyard.infra.http.waiting import Bell


class Changes:
    """`bell` wakes the nodes' long polls after the commit."""

    def __init__(self, bell: Bell) -> None:
        self.bell = bell

    def touch(self, uow: UnitOfWork) -> int:
        """The number of the state that will have this change. Call it last: it makes other changes wait."""
        number = NumberStore(uow).raise_number()
        uow.after_commit(self.bell.ring)
        return number

    def note(self, uow: UnitOfWork) -> None:
        """The same for those who need no number."""
        self.touch(uow)

    def newest_number(self, uow: UnitOfWork) -> int:
        return NumberStore(uow).get_number()
