"""Tables of projects."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Id, Moment, Name, metadata

projects = sa.Table(
    "projects",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", Name, nullable=False, unique=True),
    sa.Column("description", sa.String(500), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
)
