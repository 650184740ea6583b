"""Cell jobs given to nodes."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Digest, Id, Json, Moment, metadata

cell_jobs = sa.Table(
    "cell_jobs",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), nullable=False),
    sa.Column("project", sa.String(64), nullable=False),
    sa.Column("subject_id", Id, nullable=False, index=True),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("node_id", Id, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("inputs", Json, nullable=False),
    sa.Column("inputs_digest", Digest, nullable=False),
    sa.Column("blobs", Json, nullable=False),
    sa.Column("timeout_s", sa.Float, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("issued_at", Moment),
    sa.Column("boot", sa.String(64), nullable=False),
    sa.Column("envelope", Json),
    sa.Column("result", Json),
    sa.Column("failure", Json),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Index("ix_cell_jobs_node_id_state", "node_id", "state"),
)
