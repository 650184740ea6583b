"""The audit trail's tables, and the triggers that make it append-only below every program of ours."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.infra.db.metadata import Digest, Id, Json, Moment, metadata

audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", Id, nullable=False, unique=True),
    sa.Column("at", Moment, nullable=False, index=True),
    sa.Column("principal_id", Id, nullable=False),
    sa.Column("principal_kind", sa.String(20), nullable=False),
    sa.Column("principal_name", sa.String(80), nullable=False, index=True),
    sa.Column("token_id", Id, nullable=False),
    sa.Column("source", sa.String(20), nullable=False),
    sa.Column("request_id", sa.String(80), nullable=False),
    sa.Column("action", sa.String(80), nullable=False, index=True),
    sa.Column("target", sa.String(400), nullable=False, index=True),
    sa.Column("target_id", sa.String(80), nullable=False),
    sa.Column("project_id", Id, nullable=False),
    sa.Column("project", sa.String(64), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("outcome", sa.String(10), nullable=False),
    sa.Column("details", Json, nullable=False),
    sa.Column("prev_hash", Digest, nullable=False),
    sa.Column("hash", Digest, nullable=False),
    sa.Index("ix_audit_events_project_seq", "project_id", "seq"),
)

# One row: where the trail ends. Writers take its lock, which makes `seq` gapless.
audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", Digest, nullable=False),
)

_REFUSAL = "the audit trail is append-only"
APPEND_ONLY_DDL: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER audit_events_no_{verb.lower()} BEFORE {verb} ON audit_events "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        f"""CREATE OR REPLACE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$""",
        """CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
        FOR EACH ROW EXECUTE FUNCTION audit_events_refuse()""",
        """CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()""",
    ),
}

for _dialect, _statements in APPEND_ONLY_DDL.items():
    for _statement in _statements:
        sa.event.listen(
            audit_events,
            "after_create",
            sa.DDL(_statement).execute_if(  # type: ignore[no-untyped-call]
                dialect=_dialect
            ),
        )
