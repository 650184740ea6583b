"""Tables of pairings."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Id, Moment, Name, metadata

pairings = sa.Table(
    "pairings",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), nullable=False, index=True),
    sa.Column("caller_id", Id, sa.ForeignKey("service_accounts.id"), nullable=False),
    sa.Column("caller", Name, nullable=False),
    # No foreign key: endpoints are deployment's, which comes after identity.
    sa.Column("endpoint_id", Id, nullable=False),
    sa.Column("endpoint", Name, nullable=False),
    sa.Column("purpose", sa.String(300), nullable=False),
    sa.Column("requests_per_s", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
    sa.Column("revoked_at", Moment),
    # One that holds at a time, and any number of past ones.
    sa.Index(
        "ix_pairings_holding",
        "caller_id",
        "endpoint_id",
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    ),
)
