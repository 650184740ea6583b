"""The relational database: engine, unit of work, migrations. The only place that commits."""

from modelyard.infra.db.database import Database, DatabaseSettings, UnitOfWork
from modelyard.infra.db.metadata import metadata

__all__ = ["Database", "DatabaseSettings", "UnitOfWork", "metadata"]
