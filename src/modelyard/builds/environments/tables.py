"""Locks by what was asked, and environments by lock."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Digest, Id, Json, Moment, metadata

environment_locks = sa.Table(
    "environment_locks",
    metadata,
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("request_digest", Digest, primary_key=True),
    sa.Column("lock_digest", Digest, nullable=False),
    sa.Column("packages", Json, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)

environments = sa.Table(
    "environments",
    metadata,
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("lock_digest", Digest, primary_key=True),
    sa.Column("python", sa.String(16), primary_key=True),
    sa.Column("environment_digest", Digest, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("packages", Json, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)
