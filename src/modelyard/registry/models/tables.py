"""Tables of registered models, versions, their files, and aliases."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Digest, Id, Json, Moment, Name, metadata

registered_models = sa.Table(
    "registered_models",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), nullable=False),
    sa.Column("name", Name, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tags", Json, nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
    sa.UniqueConstraint("project_id", "name"),
)

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("project_id", Id, sa.ForeignKey("projects.id"), nullable=False),
    sa.Column("model_id", Id, sa.ForeignKey("registered_models.id"), nullable=False),
    sa.Column("number", sa.String(64), nullable=False),
    sa.Column("digest", Digest, nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("document", Json, nullable=False),
    sa.Column("facts", Json, nullable=False),
    sa.Column("build_id", Id, nullable=False),
    sa.Column("build_number", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
    sa.Column("created_by_id", Id, nullable=False),
    sa.UniqueConstraint("model_id", "number"),
    sa.UniqueConstraint("model_id", "digest"),
)

version_files = sa.Table(
    "version_files",
    metadata,
    sa.Column("version_id", Id, sa.ForeignKey("versions.id"), primary_key=True),
    sa.Column("path", sa.String(500), primary_key=True),
    sa.Column("project_id", Id, nullable=False),
    sa.Column("digest", Digest, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("in_document", sa.Boolean, nullable=False),
)

aliases = sa.Table(
    "aliases",
    metadata,
    sa.Column("model_id", Id, sa.ForeignKey("registered_models.id"), primary_key=True),
    sa.Column("name", Name, primary_key=True),
    sa.Column("project_id", Id, nullable=False),
    sa.Column("version_id", Id, sa.ForeignKey("versions.id"), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("updated_by", sa.String(100), nullable=False),
)
