"""Tables of nodes."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Digest, Id, Moment, Name, metadata

enrolled_nodes = sa.Table(
    "enrolled_nodes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", Name, nullable=False, index=True),
    sa.Column("public_key", sa.LargeBinary(32), nullable=False),
    sa.Column("key_id", Digest, nullable=False, unique=True),
    sa.Column("enrolled_at", Moment, nullable=False),
    sa.Column("revoked_at", Moment),
)
