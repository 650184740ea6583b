"""Tables of sessions."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Moment, metadata

login_failures = sa.Table(
    "login_failures",
    metadata,
    # `user:<name>` or `installation`.
    sa.Column("subject", sa.String(80), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("last_at", Moment, nullable=False, index=True),
)
