"""SQL of previews."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from modelyard.deployment.previews.domain import Preview
from modelyard.deployment.previews.tables import previews
from modelyard.infra.db import UnitOfWork


class PreviewStore:
    """Previews of one project."""

    def __init__(self, uow: UnitOfWork, project_id: str) -> None:
        self._connection = uow.connection
        self._project_id = project_id

    def replace(self, preview: Preview) -> None:
        """Adds it in the place of its asker's earlier one of the same version."""
        earlier = (
            (previews.c.project_id == self._project_id)
            & (previews.c.version_id == preview.version_id)
            & (previews.c.principal_id == preview.principal_id)
        )
        self._connection.execute(previews.delete().where(earlier))
        self._connection.execute(previews.insert().values(**asdict(preview)))


class EveryPreviewStore:  # lint-skip: project-scope a node serves all projects, and its state is rendered for all
    """Previews of the installation."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._connection = uow.connection

    def list_valid(self, now: datetime) -> list[Preview]:
        """By version; of one version the one that lasts longest first."""
        query = sa.select(previews).where(previews.c.expires_at > now)
        rows = self._connection.execute(query.order_by(previews.c.version_id, previews.c.expires_at.desc()))
        return [Preview(**row._mapping) for row in rows]

    def forget_before(self, moment: datetime) -> None:
        self._connection.execute(previews.delete().where(previews.c.expires_at <= moment))
