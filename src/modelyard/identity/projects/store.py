"""SQL of projects. A project is itself the scope, so these methods have none."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.tables import projects
from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.db.inserting import insert_unless_taken
from modelyard.infra.db.pages import read_page
from modelyard.kernel.paging import Page, PageRequest


class ProjectStore:  # lint-skip: project-scope a project is itself the scope
    """Projects of the installation."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection

    def add(self, project: Project) -> bool:
        """False when the name is taken."""
        statement = projects.insert().values(
            id=project.id,
            name=project.name,
            description=project.description,
            created_at=project.created_at,
            created_by=project.created_by,
        )
        return insert_unless_taken(self._connection, statement)

    def find_by_name(self, name: str) -> Project | None:
        row = self._connection.execute(sa.select(projects).where(projects.c.name == name)).one_or_none()
        return None if row is None else _project(row)

    def find(self, project_id: str) -> Project | None:
        row = self._connection.execute(sa.select(projects).where(projects.c.id == project_id)).one_or_none()
        return None if row is None else _project(row)

    def names(self, project_ids: frozenset[str] | None = None) -> dict[str, str]:
        """Project id -> name; None means of all."""
        query = sa.select(projects.c.id, projects.c.name)
        if project_ids is not None:
            query = query.where(projects.c.id.in_(sorted(project_ids)))
        return {row.id: row.name for row in self._connection.execute(query)}

    def list_projects(self, visible: frozenset[str] | None, page: PageRequest) -> Page[Project]:
        """By name; `visible` None means all."""
        query = sa.select(projects)
        if visible is not None:
            query = query.where(projects.c.id.in_(sorted(visible)))
        return read_page(self._connection, query, [projects.c.name], page, _project)


def _project(row: Any) -> Project:
    return Project(row.id, row.name, row.description, row.created_at, row.created_by)
