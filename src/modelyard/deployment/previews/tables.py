"""Tables of previews."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Digest, Id, Json, Moment, Name, metadata

previews = sa.Table(
    "previews",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), nullable=False, index=True),
    sa.Column("project", Name, nullable=False),
    sa.Column("model", Name, nullable=False),
    sa.Column("version", sa.String(80), nullable=False),
    sa.Column("version_id", Id, nullable=False),
    sa.Column("version_digest", Digest, nullable=False),
    sa.Column("principal_id", Id, nullable=False),
    sa.Column("principal_name", sa.String(100), nullable=False),
    sa.Column("issued_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False, index=True),
    sa.Column("statement", Json, nullable=False),
)
