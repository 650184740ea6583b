"""Tables of endpoints."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Id, Moment, Name, metadata

endpoints = sa.Table(
    "endpoints",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), nullable=False),
    sa.Column("project", Name, nullable=False),
    sa.Column("name", Name, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("requests_per_s", sa.Integer, nullable=False),
    sa.Column("timeout_s", sa.Float),
    sa.Column("body_bytes_max", sa.BigInteger, nullable=False),
    sa.Column("stopped", sa.Boolean, nullable=False),
    sa.Column("target_release_id", Id),
    sa.Column("target_number", sa.BigInteger, nullable=False),
    sa.Column("live_release_id", Id),
    sa.Column("standby_release_id", Id),
    sa.Column("live_release_number", sa.Integer),
    sa.Column("live_model", sa.String(64), nullable=False),
    sa.Column("live_version", sa.String(80), nullable=False),
    sa.Column("live_version_id", Id),
    sa.Column("live_at", Moment),
    sa.UniqueConstraint("project_id", "name"),
)

endpoint_reports = sa.Table(
    "endpoint_reports",
    metadata,
    sa.Column("node_id", Id, primary_key=True),
    sa.Column("endpoint_id", Id, sa.ForeignKey("endpoints.id"), primary_key=True, index=True),
    sa.Column("phase", sa.String(20), nullable=False),
    sa.Column("version_id", Id),
    sa.Column("release_id", Id),
    sa.Column("failed_release_id", Id),
    sa.Column("live_at", sa.String(40)),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
)
