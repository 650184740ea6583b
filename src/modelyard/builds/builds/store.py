"""The only SQL of builds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from modelyard.builds.builds.domain import STEPS, Build, BuildEvent, Source, Step, StepName
from modelyard.builds.builds.tables import build_events, build_steps, builds
from modelyard.builds.sources.domain import SourceFile
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.db.inserting import insert_unless_taken
from modelyard.infra.db.pages import read_page
from modelyard.kernel.paging import Page, PageRequest

_TRIES = 50


class BuildStore:
    """Builds of one project."""

    def __init__(self, uow: UnitOfWork, project_id: str) -> None:
        self._connection = uow.connection
        self._project_id = project_id

    def add(self, build: Build) -> Build:
        """With the next number of the installation, and its steps pending."""
        for _ in range(_TRIES):
            query = sa.select(sa.func.coalesce(sa.func.max(builds.c.number), 0) + 1)
            numbered = replace(build, number=self._connection.execute(query).scalar_one())
            if insert_unless_taken(self._connection, builds.insert().values(**_row(numbered), events=0)):
                break
        else:
            raise RuntimeError("no number could be given to the build")
        rows = [
            {"build_id": build.id, "name": name, "project_id": self._project_id, "state": "pending", "detail": ""}
            for name in STEPS
        ]
        self._connection.execute(build_steps.insert(), rows)
        return numbered

    def list_builds(self, page: PageRequest) -> Page[Build]:
        """Newest first."""
        query = sa.select(builds).where(builds.c.project_id == self._project_id)
        return read_page(self._connection, query, [builds.c.number], page, _build, newest_first=True)

    def change(self, build: Build, **values: Any) -> None:
        if "source" in values:
            values["source"] = asdict(values["source"])
        table = builds.c
        change = builds.update().where(table.project_id == self._project_id, table.id == build.id)
        self._connection.execute(change.values(**_with_null(values)))

    def move(self, build: Build, states: Sequence[str], **values: Any) -> bool:
        """Changes it only from one of the states: of two who end it at once, one does."""
        table = builds.c
        change = builds.update().where(
            table.project_id == self._project_id, table.id == build.id, table.state.in_(states)
        )
        return self._connection.execute(change.values(**_with_null(values))).rowcount == 1

    def list_steps(self, build_id: str) -> tuple[Step, ...]:
        """In the order in which they are done."""
        query = sa.select(build_steps).where(*self._of(build_steps, build_id))
        found = {row.name: row for row in self._connection.execute(query)}
        return tuple(_step(found[name]) for name in STEPS if name in found)

    def change_step(self, build_id: str, name: StepName, **values: Any) -> None:
        change = build_steps.update().where(*self._of(build_steps, build_id), build_steps.c.name == name)
        self._connection.execute(change.values(**_with_null(values)))

    def append(self, build_id: str, kind: str, data: Sequence[dict[str, Any]], at: datetime) -> None:
        """Events, numbered on from the last: the counter in the build's row keeps writers one after the other."""
        table = builds.c
        change = builds.update().where(table.project_id == self._project_id, table.id == build_id)
        last = self._connection.execute(
            change.values(events=table.events + len(data)).returning(table.events)
        ).scalar_one()
        rows = [
            {"build_id": build_id, "seq": last - len(data) + 1 + index, "project_id": self._project_id, "kind": kind,
             "data": one, "at": at}
            for index, one in enumerate(data)
        ]  # fmt: skip
        self._connection.execute(build_events.insert(), rows)

    def count_events(self, build_id: str) -> int:
        query = sa.select(builds.c.events).where(builds.c.project_id == self._project_id, builds.c.id == build_id)
        return int(self._connection.execute(query).scalar_one())

    def list_events(self, build_id: str, after: int, limit: int) -> list[BuildEvent]:
        query = sa.select(build_events).where(*self._of(build_events, build_id), build_events.c.seq > after)
        rows = self._connection.execute(query.order_by(build_events.c.seq).limit(limit))
        return [BuildEvent(row.seq, row.kind, row.data, row.at) for row in rows]

    def _of(self, table: sa.Table, build_id: str) -> tuple[sa.ColumnElement[bool], ...]:
        return table.c.project_id == self._project_id, table.c.build_id == build_id


def find_build(uow: UnitOfWork, *, number: int | None = None, build_id: str = "") -> Build | None:
    """Across projects: a number is the installation's. The caller checks the project of what it gets."""
    condition = builds.c.number == number if number is not None else builds.c.id == build_id
    row = uow.connection.execute(sa.select(builds).where(condition)).one_or_none()
    return _build(row) if row else None


def _row(build: Build) -> dict[str, Any]:
    return _with_null(asdict(build))


def _with_null(values: dict[str, Any]) -> dict[str, Any]:
    """None in a JSON column is SQL's null, not JSON's."""
    return {name: sa.null() if value is None else value for name, value in values.items()}


def _build(row: Any) -> Build:
    fields: dict[str, Any] = {name: getattr(row, name) for name in Build.__slots__}
    told = row.source
    files = tuple(SourceFile(**file) for file in told["files"])
    return Build(**fields | {"source": Source(**told | {"files": files})})


def _step(row: Any) -> Step:
    return Step(row.name, row.state, row.started_at, row.ended_at, row.detail, row.result)
