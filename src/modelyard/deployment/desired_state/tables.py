"""The table of the desired state's number."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import metadata

# One row: the number of the newest state. Changing it in the change's own transaction makes numbers strictly rise in
# the order of commits.
desired_state_numbers = sa.Table(
    "desired_state_numbers",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
)
