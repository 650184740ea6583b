"""Rows that ask for background work, written in the transaction that needs it."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Id, Json, Moment, metadata

job_runs = sa.Table(
    "job_runs",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("subject_id", Id, nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("requested_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("error", Json),
)
