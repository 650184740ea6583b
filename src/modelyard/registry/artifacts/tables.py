"""Blobs of projects, and the keys of the chunks that make them up.

`chunks` says under which name a chunk was sealed; it is shared by all projects. `chunk_keys` holds its key wrapped for
one project: giving a chunk to a project adds a row, erasing it for a project deletes one.
"""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Digest, Id, Json, Moment, metadata

project_keys = sa.Table(
    "project_keys",
    metadata,
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
)

blobs = sa.Table(
    "blobs",
    metadata,
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("digest", Digest, primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("header", Json, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)

chunks = sa.Table(
    "chunks",
    metadata,
    sa.Column("chunk_id", sa.String(64), primary_key=True),
    sa.Column("sealed_name", sa.String(80), nullable=False, unique=True),
)

chunk_keys = sa.Table(
    "chunk_keys",
    metadata,
    sa.Column("chunk_id", sa.String(64), sa.ForeignKey("chunks.chunk_id"), primary_key=True),
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), primary_key=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
)
