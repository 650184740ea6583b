"""Brings a database to the newest schema: one linear history of Alembic scripts, each in a transaction.

Alembic is imported only when there is something to do; a start with a current schema costs one SELECT.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import sqlalchemy as sa

from modelyard.infra.db.database import Database
from modelyard.infra.db.metadata import metadata
from modelyard.kernel.errors import ErrorKind, PlatformError

_REVISION = re.compile(r'^revision = "([^"]+)"', re.MULTILINE)


class UnknownSchema(PlatformError):
    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    code: ClassVar[str] = "database.unknown_schema"
    message: ClassVar[str] = "The database is at migration {found!r}, which this version of Modelyard does not know."
    hint: ClassVar[str] = "Start the newer Modelyard that wrote it, or restore a backup made before that upgrade."


def revisions(scripts: Path) -> list[str]:
    """The revisions of the history, oldest first; file names begin with their number."""
    found = []
    for file in sorted((scripts / "versions").glob("[0-9]*.py")):
        match = _REVISION.search(file.read_text())
        if match is None:
            raise ValueError(f"{file.name} names no revision")
        found.append(match.group(1))
    return found


def current_revision(database: Database) -> str | None:
    """What the database is at; None when it is empty."""
    with database.reading() as uow:
        if not sa.inspect(uow.connection).has_table("alembic_version"):
            return None
        revision: str | None = uow.connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        return revision


def upgrade(database: Database, scripts: Path) -> list[str]:
    """Runs what is missing; returns the revisions run. Raises UnknownSchema for a database from the future."""
    history = revisions(scripts)
    found = current_revision(database)
    if found == history[-1]:
        return []
    if found is not None and found not in history:
        raise UnknownSchema(found=found)
    # 0.3 s of imports that a start with a current schema does not need.
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    directory = ScriptDirectory(str(scripts))

    def missing(revision: object, _context: object) -> list[object]:
        return list(directory._upgrade_revs("head", revision))  # type: ignore[arg-type]

    with database.transaction() as uow:
        context = MigrationContext.configure(
            uow.connection, opts={"fn": missing, "target_metadata": metadata, "transactional_ddl": False}
        )
        with Operations.context(context):
            context.run_migrations()
    return history[history.index(found) + 1 :] if found else history
