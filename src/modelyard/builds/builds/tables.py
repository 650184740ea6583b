"""Builds, their steps and events."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Digest, Id, Json, Moment, metadata

builds = sa.Table(
    "builds",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), nullable=False),
    sa.Column("model", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("source", Json, nullable=False),
    sa.Column("job_id", Id, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
    sa.Column("created_by_id", Id, nullable=False),
    sa.Column("started_at", Moment),
    sa.Column("ended_at", Moment),
    sa.Column("error", Json),
    sa.Column("version_id", Id, nullable=False),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("digest", Digest, nullable=False),
    sa.Column("unchanged", sa.Boolean, nullable=False),
    sa.Column("events", sa.Integer, nullable=False),
    sa.Index("ix_builds_project_id_number", "project_id", "number"),
)

build_steps = sa.Table(
    "build_steps",
    metadata,
    sa.Column("build_id", Id, sa.ForeignKey("builds.id"), primary_key=True),
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("project_id", Id, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("started_at", Moment),
    sa.Column("ended_at", Moment),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("result", Json),
)

build_events = sa.Table(
    "build_events",
    metadata,
    sa.Column("build_id", Id, sa.ForeignKey("builds.id"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("project_id", Id, nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("at", Moment, nullable=False),
)
