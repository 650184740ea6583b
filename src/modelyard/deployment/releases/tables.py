"""Tables of releases."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Digest, Id, Json, Moment, Name, metadata

releases = sa.Table(
    "releases",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), nullable=False, index=True),
    sa.Column("project", Name, nullable=False),
    sa.Column("endpoint_id", Id, sa.ForeignKey("endpoints.id"), nullable=False, index=True),
    sa.Column("endpoint", Name, nullable=False),
    sa.Column("model", Name, nullable=False),
    sa.Column("version", sa.String(80), nullable=False),
    sa.Column("version_id", Id, nullable=False, index=True),
    sa.Column("version_digest", Digest, nullable=False),
    sa.Column("author", sa.String(100), nullable=False),
    sa.Column("author_ids", Json, nullable=False),
    sa.Column("requested_by_id", Id, nullable=False),
    sa.Column("requested_by", sa.String(100), nullable=False),
    sa.Column("requested_at", Moment, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("state", sa.String(12), nullable=False, index=True),
    sa.Column("decided_by_id", Id, nullable=False),
    sa.Column("decided_by", sa.String(100), nullable=False),
    sa.Column("decided_at", Moment),
    sa.Column("decision_why", sa.Text, nullable=False),
    sa.Column("statement", Json),
    sa.Column("evidence", Json),
    sa.Column("evidence_digest", Digest, nullable=False),
    sa.Column("targeted_at", Moment),
    sa.Column("first_live_at", Moment),
    sa.Column("live_at", Moment),
    sa.Column("ended_at", Moment),
    sa.Column("problem", sa.Text, nullable=False),
)

# One row: the highest number given. Taken with its lock, so that two requests at once never share one.
release_numbers = sa.Table(
    "release_numbers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last", sa.Integer, nullable=False),
)
