"""The only SQL of registered models, versions and aliases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from modelyard.infra.db.database import UnitOfWork
from modelyard.infra.db.inserting import insert_unless_taken
from modelyard.infra.db.pages import read_page
from modelyard.infra.db.storable import storable
from modelyard.kernel.paging import Page, PageRequest
from modelyard.registry.models.domain import Alias, RegisteredModel, Version, VersionFacts, VersionFile
from modelyard.registry.models.tables import aliases, registered_models, version_files, versions

_VERSIONS = sa.select(versions, registered_models.c.name.label("model")).join(
    registered_models, registered_models.c.id == versions.c.model_id
)
_ALIASES = sa.select(aliases, versions.c.number).join(versions, versions.c.id == aliases.c.version_id)


class ModelStore:
    """Models of one project."""

    def __init__(self, uow: UnitOfWork, project_id: str) -> None:
        self._connection = uow.connection
        self._project_id = project_id

    def find_model(self, name: str) -> RegisteredModel | None:
        table = registered_models.c
        query = sa.select(registered_models).where(table.project_id == self._project_id, table.name == name)
        row = self._connection.execute(query).one_or_none()
        return _model(row) if row else None

    def list_models(self, words: Sequence[str], page: PageRequest) -> Page[RegisteredModel]:
        """By name; each word must occur in name, description or tags."""
        table = registered_models.c
        query = sa.select(registered_models).where(table.project_id == self._project_id)
        for word in words:
            query = query.where(table.search_text.contains(storable(word.lower()), autoescape=True))
        return read_page(self._connection, query, [table.name], page, _model)

    def add_model(self, model: RegisteredModel) -> bool:
        """False when the name is taken."""
        row = storable(asdict(model)) | {"tags": storable(list(model.tags)), "search_text": _search_text(model)}
        return insert_unless_taken(self._connection, registered_models.insert().values(**row))

    def describe_model(self, model: RegisteredModel) -> None:
        values = {
            "description": storable(model.description),
            "tags": storable(model.tags),
            "search_text": _search_text(model),
        }
        table = registered_models.c
        self._connection.execute(
            registered_models.update()
            .where(table.project_id == self._project_id, table.id == model.id)
            .values(**values)
        )

    def numbers(self, model_ids: Sequence[str]) -> dict[str, list[str]]:
        """Model id -> version numbers."""
        query = sa.select(versions.c.model_id, versions.c.number).where(
            versions.c.project_id == self._project_id, versions.c.model_id.in_(model_ids)
        )
        found: dict[str, list[str]] = {model_id: [] for model_id in model_ids}
        for row in self._connection.execute(query):
            found[row.model_id].append(row.number)
        return found

    def find_version(self, model_id: str, number: str) -> Version | None:
        return self._one_version(versions.c.model_id == model_id, versions.c.number == number)

    def find_version_by_digest(self, model_id: str, digest: str) -> Version | None:
        return self._one_version(versions.c.model_id == model_id, versions.c.digest == digest)

    def find_version_by_id(self, version_id: str) -> Version | None:
        return self._one_version(versions.c.id == version_id)

    def find_versions_numbered(self, numbers: dict[str, str]) -> dict[str, Version]:
        """Model id -> version, for model ids and one number each."""
        pairs = [(model_id, number) for model_id, number in numbers.items() if number]
        if not pairs:
            return {}
        condition = sa.tuple_(versions.c.model_id, versions.c.number).in_(pairs)
        query = _VERSIONS.where(versions.c.project_id == self._project_id, condition)
        return {row.model_id: _version(row) for row in self._connection.execute(query)}

    def list_versions(self, model_id: str, page: PageRequest) -> Page[Version]:
        """Newest first."""
        query = _VERSIONS.where(versions.c.project_id == self._project_id, versions.c.model_id == model_id)
        return read_page(self._connection, query, [versions.c.id], page, _version, newest_first=True)

    def add_version(self, version: Version, files: Sequence[VersionFile]) -> None:
        row = {
            "id": version.id,
            "project_id": version.project_id,
            "model_id": version.model_id,
            "number": version.number,
            "digest": version.digest,
            "state": version.state,
            "document": version.document,
            "facts": storable(asdict(version.facts)),
            "build_id": version.build_id,
            "build_number": version.build_number,
            "created_at": version.created_at,
            "created_by": version.created_by,
            "created_by_id": version.created_by_id,
        }
        self._connection.execute(versions.insert().values(**row))
        rows = [asdict(one) | {"version_id": version.id, "project_id": self._project_id} for one in files]
        if rows:
            self._connection.execute(version_files.insert(), rows)

    def list_files(self, version_id: str) -> tuple[VersionFile, ...]:
        """By path."""
        table = version_files.c
        query = sa.select(version_files).where(table.project_id == self._project_id, table.version_id == version_id)
        return tuple(
            VersionFile(row.path, row.digest, row.size_bytes, row.in_document)
            for row in self._connection.execute(query.order_by(table.path))
        )

    def find_alias(self, model_id: str, name: str) -> Alias | None:
        query = _ALIASES.where(aliases.c.project_id == self._project_id, aliases.c.model_id == model_id)
        row = self._connection.execute(query.where(aliases.c.name == name)).one_or_none()
        return _alias(row) if row else None

    def list_aliases(self, model_ids: Sequence[str]) -> dict[str, list[Alias]]:
        """Model id -> aliases by name."""
        query = _ALIASES.where(aliases.c.project_id == self._project_id, aliases.c.model_id.in_(model_ids))
        found: dict[str, list[Alias]] = {model_id: [] for model_id in model_ids}
        for row in self._connection.execute(query.order_by(aliases.c.name)):
            found[row.model_id].append(_alias(row))
        return found

    def add_alias(self, model_id: str, name: str, version_id: str, now: datetime, by: str) -> bool:
        """False when it exists."""
        row = {"model_id": model_id, "name": name, "version_id": version_id, "updated_at": now, "updated_by": by}
        return insert_unless_taken(
            self._connection, aliases.insert().values(**row, project_id=self._project_id, revision=1)
        )

    def move_alias(self, model_id: str, before: Alias, version_id: str, now: datetime, by: str) -> bool:
        """False when someone else was faster."""
        values = {"version_id": version_id, "revision": before.revision + 1, "updated_at": now, "updated_by": by}
        change = aliases.update().where(*self._this_alias(model_id, before)).values(**values)
        return self._connection.execute(change).rowcount == 1

    def remove_alias(self, model_id: str, before: Alias) -> bool:
        return self._connection.execute(aliases.delete().where(*self._this_alias(model_id, before))).rowcount == 1

    def _this_alias(self, model_id: str, alias: Alias) -> tuple[sa.ColumnElement[bool], ...]:
        table = aliases.c
        return (
            table.project_id == self._project_id,
            table.model_id == model_id,
            table.name == alias.name,
            table.revision == alias.revision,
        )

    def _one_version(self, *conditions: sa.ColumnElement[bool]) -> Version | None:
        query = _VERSIONS.where(versions.c.project_id == self._project_id, *conditions)
        row = self._connection.execute(query).one_or_none()
        return _version(row) if row else None


def find_versions_by_ids(uow: UnitOfWork, version_ids: Sequence[str]) -> dict[str, Version]:
    """Across projects: for desired state and lineage, which have checked what refers to them."""
    query = _VERSIONS.where(versions.c.id.in_(version_ids))
    return {row.id: _version(row) for row in uow.connection.execute(query)}


def _model(row: Any) -> RegisteredModel:
    return RegisteredModel(
        row.id, row.project_id, row.name, row.description, tuple(row.tags), row.created_at, row.created_by
    )


def _version(row: Any) -> Version:
    facts: dict[str, Any] = row.facts
    return Version(
        id=row.id,
        project_id=row.project_id,
        model_id=row.model_id,
        model=row.model,
        number=row.number,
        digest=row.digest,
        state=row.state,
        document=row.document,
        facts=VersionFacts(**{**facts, "tags": tuple(facts["tags"]), "packages": tuple(facts["packages"])}),
        build_id=row.build_id,
        build_number=row.build_number,
        created_at=row.created_at,
        created_by=row.created_by,
        created_by_id=row.created_by_id,
    )


def _alias(row: Any) -> Alias:
    return Alias(row.name, row.version_id, row.number, row.revision, row.updated_at, row.updated_by)


def _search_text(model: RegisteredModel) -> str:
    return str(storable(" ".join((model.name, model.description, *model.tags)))).lower()
