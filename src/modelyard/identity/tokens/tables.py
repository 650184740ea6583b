"""Tables of tokens."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Id, Moment, Name, metadata

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("principal_kind", sa.String(16), nullable=False),
    sa.Column("principal_id", Id, nullable=False, index=True),
    sa.Column("principal_name", Name, nullable=False),
    # Null for sessions, which belong to no project.
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), index=True),
    sa.Column("project", Name, nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False, index=True),
    sa.Column("created_by", sa.String(100), nullable=False),
    sa.Column("revoked_at", Moment),
)
