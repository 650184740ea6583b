"""Tables of roles."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Id, Moment, Name, metadata

memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("principal_id", Id, primary_key=True, index=True),
    sa.Column("principal_kind", sa.String(16), nullable=False),
    # Names never change, so the copy saves a join in every list.
    sa.Column("principal_name", Name, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
)
