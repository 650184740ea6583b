"""Tables of what nodes say of themselves."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Id, Json, Moment, Name, metadata

node_reports = sa.Table(
    "node_reports",
    metadata,
    sa.Column("node_id", Id, sa.ForeignKey("enrolled_nodes.id"), primary_key=True),
    sa.Column("name", Name, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("tier", sa.Integer, nullable=False),
    sa.Column("stale", sa.Boolean, nullable=False),
    sa.Column("host", Json, nullable=False),
    sa.Column("envoy", Json, nullable=False),
    sa.Column("replicas", Json, nullable=False),
)
