"""Use cases of registered models, versions and aliases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.db.database import UnitOfWork
from modelyard.kernel.access import Access
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Invalid, StaleEdit
from modelyard.kernel.events import Event
from modelyard.kernel.ids import NAME_RULE, is_name, new_id
from modelyard.kernel.paging import Page, PageRequest
from modelyard.registry.artifacts.domain import Artifact
from modelyard.registry.artifacts.service import ArtifactService
from modelyard.registry.models.diff import (
    DIFF_LINES_MAX,
    TEXT_BYTES_MAX,
    FileChange,
    VersionDiff,
    as_text,
    changed_files,
    diff_facts,
    diff_file,
)
from modelyard.registry.models.domain import (
    Alias,
    ModelSummary,
    NewVersion,
    RegisteredModel,
    Version,
    VersionFile,
)
from modelyard.registry.models.errors import (
    AliasNotFound,
    ModelNotFound,
    VersionFileNotFound,
    VersionNotFound,
    VersionNumberTaken,
)
from modelyard.registry.models.semver import is_semver, newest, next_patch
from modelyard.registry.models.store import ModelStore, find_versions_by_ids

LATEST = "latest"


class ModelService:
    """See the module. A version reference is a number, `@alias` or `latest` (the highest release)."""

    def __init__(self, projects: ProjectService, artifacts: ArtifactService, clock: Clock) -> None:
        self._projects = projects
        self._artifacts = artifacts
        self._clock = clock

    def list_models(
        self, uow: UnitOfWork, access: Access, project: str, text: str, page: PageRequest
    ) -> Page[ModelSummary]:
        """By name; `text` is words that must all occur in name, description or tags."""
        opened = self._projects.open(uow, access, project)
        store = ModelStore(uow, opened.id)
        found = store.list_models(text.split()[:10], page)
        return Page(tuple(_summaries(store, found.items)), found.next_cursor)

    def get_model(self, uow: UnitOfWork, access: Access, project: str, name: str) -> ModelSummary:
        """Raises ProjectNotFound, Denied, ModelNotFound."""
        opened = self._projects.open(uow, access, project)
        store = ModelStore(uow, opened.id)
        return _summaries(store, [_model(store, opened, name)])[0]

    def list_versions(
        self, uow: UnitOfWork, access: Access, project: str, name: str, page: PageRequest
    ) -> Page[Version]:
        """Newest first."""
        opened = self._projects.open(uow, access, project)
        store = ModelStore(uow, opened.id)
        return store.list_versions(_model(store, opened, name).id, page)

    def get_version(self, uow: UnitOfWork, access: Access, project: str, name: str, reference: str) -> Version:
        """Raises ProjectNotFound, Denied, ModelNotFound, VersionNotFound, AliasNotFound."""
        opened = self._projects.open(uow, access, project)
        return self.find_in_project(uow, opened, name, reference)

    def find_in_project(self, uow: UnitOfWork, project: Project, name: str, reference: str) -> Version:
        """As `get_version`, for callers that have opened the project."""
        store = ModelStore(uow, project.id)
        return _version(store, _model(store, project, name), reference)

    def versions_by_ids(self, uow: UnitOfWork, version_ids: Sequence[str]) -> dict[str, Version]:
        """Checks nothing: for ids that come from objects that were checked, or from desired state."""
        return find_versions_by_ids(uow, version_ids) if version_ids else {}

    def list_files(self, uow: UnitOfWork, version: Version) -> tuple[VersionFile, ...]:
        """All files of the push, by path."""
        return ModelStore(uow, version.project_id).list_files(version.id)

    def find_file(self, uow: UnitOfWork, version: Version, path: str) -> VersionFile:
        """Raises VersionFileNotFound."""
        for file in self.list_files(uow, version):
            if file.path == path:
                return file
        raise VersionFileNotFound(model=version.model, version=version.number, path=path[:200])

    def open_file(self, version: Version, file: VersionFile) -> tuple[Artifact, Iterator[bytes]]:
        """Outside any transaction: a download takes as long as the reader does."""
        return self._artifacts.open(version.project_id, file.digest)

    def read_text(self, version: Version, file: VersionFile) -> str | None:
        """None for what is no text or longer than a page shows."""
        if file.size_bytes > TEXT_BYTES_MAX:
            return None
        return as_text(self._artifacts.read_bytes(version.project_id, file.digest, TEXT_BYTES_MAX))

    def diff(self, uow: UnitOfWork, access: Access, project: str, name: str, a: str, b: str) -> VersionDiff:
        """From `a` to `b`, bounded."""
        opened = self._projects.open(uow, access, project)
        store = ModelStore(uow, opened.id)
        model = _model(store, opened, name)
        return self.diff_versions(uow, _version(store, model, a), _version(store, model, b))

    def diff_versions(self, uow: UnitOfWork, a: Version, b: Version) -> VersionDiff:
        """For callers that hold both versions, such as a release against the live one."""
        left, changes = DIFF_LINES_MAX, []
        for pair in changed_files(self.list_files(uow, a), self.list_files(uow, b)):
            texts = (self._text_of(a, pair[0]), self._text_of(b, pair[1])) if left > 0 else ("", "")
            change, lines = diff_file(pair, texts, left)
            left -= lines
            changes.append(change)
        return replace(diff_facts(a, b), files=tuple[FileChange, ...](changes))

    def record_version(self, uow: UnitOfWork, project: Project, new: NewVersion) -> tuple[Version, bool]:
        """Registers what a build made, and the model with its first version. The same content gives the version that
        is there (False). Raises VersionNumberTaken for a number that holds something else."""
        store = ModelStore(uow, project.id)
        model = self._describe_model(store, project, new)
        same = store.find_version_by_digest(model.id, new.digest)
        if same is not None:
            return same, False
        numbers = store.numbers([model.id])[model.id]
        number = new.number or next_patch(numbers)
        taken = store.find_version(model.id, number)
        if taken is not None:
            raise VersionNumberTaken(model=model.name, version=number, digest=taken.digest, next=next_patch(numbers))
        version = Version(
            id=new_id("ve"),
            project_id=project.id,
            model_id=model.id,
            model=model.name,
            number=number,
            digest=new.digest,
            state="built",
            document=new.document,
            facts=new.facts,
            build_id=new.build_id,
            build_number=new.build_number,
            created_at=self._clock.now(),
            created_by=new.created_by,
            created_by_id=new.created_by_id,
        )
        store.add_version(version, new.files)
        target, details = (
            f"version:{project.name}/{model.name}:{number}",
            {"digest": new.digest, "build": new.build_number},
        )
        uow.record(Event("registry.version.built", target, version.id, project.id, project.name, details=details))
        return version, True

    def get_alias(self, uow: UnitOfWork, access: Access, project: str, name: str, alias: str) -> Alias:
        """Raises AliasNotFound."""
        opened = self._projects.open(uow, access, project)
        store = ModelStore(uow, opened.id)
        return _alias(store, _model(store, opened, name), alias)

    def set_alias(
        self,
        uow: UnitOfWork,
        access: Access,
        project: str,
        name: str,
        alias: str,
        reference: str,
        check_revision: Callable[[int], None],
    ) -> Alias:
        """Makes or moves it. `check_revision` is given the revision that is there (0 for none) and raises StaleEdit
        when the caller had another in mind."""
        opened = self._projects.open(uow, access, project)
        store = ModelStore(uow, opened.id)
        model = _model(store, opened, name)
        if not is_name(alias) or alias == LATEST:
            raise Invalid(field="alias", got=repr(alias[:80]), expected=f"{NAME_RULE}; not `{LATEST}`")
        before = store.find_alias(model.id, alias)
        check_revision(before.revision if before else 0)
        version = _version(store, model, reference)
        if before is None:
            done = store.add_alias(model.id, alias, version.id, self._clock.now(), uow.by.label)
        else:
            done = store.move_alias(model.id, before, version.id, self._clock.now(), uow.by.label)
        after = store.find_alias(model.id, alias)
        if not done or after is None:
            raise StaleEdit(what=f"alias {alias}", had=before.revision if before else 0, now="newer")
        details = {"from": before.number if before else "", "to": version.number}
        target = f"alias:{opened.name}/{model.name}@{alias}"
        uow.record(Event("registry.alias.moved", target, model.id, opened.id, opened.name, details=details))
        return after

    def remove_alias(
        self,
        uow: UnitOfWork,
        access: Access,
        project: str,
        name: str,
        alias: str,
        check_revision: Callable[[int], None],
    ) -> None:
        opened = self._projects.open(uow, access, project)
        store = ModelStore(uow, opened.id)
        model = _model(store, opened, name)
        before = _alias(store, model, alias)
        check_revision(before.revision)
        if not store.remove_alias(model.id, before):
            raise StaleEdit(what=f"alias {alias}", had=before.revision, now="newer")
        target = f"alias:{opened.name}/{model.name}@{alias}"
        details = {"from": before.number}
        uow.record(Event("registry.alias.removed", target, model.id, opened.id, opened.name, details=details))

    def _describe_model(self, store: ModelStore, project: Project, new: NewVersion) -> RegisteredModel:
        """The model as this push describes it, made if it is the first."""
        described = RegisteredModel(
            new_id("mo"),
            project.id,
            new.model,
            new.facts.description,
            new.facts.tags,
            self._clock.now(),
            new.created_by,
        )
        if store.add_model(described):
            return described
        model = store.find_model(new.model)
        if model is None:
            raise RuntimeError(f"model {new.model} is neither there nor can it be made")
        changed = replace(model, description=described.description, tags=described.tags)
        store.describe_model(changed)
        return changed

    def _text_of(self, version: Version, file: VersionFile | None) -> str | None:
        return self.read_text(version, file) if file else None


def _summaries(store: ModelStore, models: Sequence[RegisteredModel]) -> list[ModelSummary]:
    ids = [model.id for model in models]
    numbers, aliases = store.numbers(ids), store.list_aliases(ids)
    latest = store.find_versions_numbered({model_id: newest(numbers[model_id]) or "" for model_id in ids})
    return [
        ModelSummary(model, latest.get(model.id), len(numbers[model.id]), tuple(aliases[model.id])) for model in models
    ]


def _model(store: ModelStore, project: Project, name: str) -> RegisteredModel:
    model = store.find_model(name) if is_name(name) else None
    if model is None:
        raise ModelNotFound(name=name[:80], project=project.name)
    return model


def _version(store: ModelStore, model: RegisteredModel, reference: str) -> Version:
    number: str | None = reference
    if reference.startswith("@") and reference != f"@{LATEST}":
        number = _alias(store, model, reference[1:]).number
    elif reference.removeprefix("@") == LATEST:
        number = newest(store.numbers([model.id])[model.id])
    version = store.find_version(model.id, number) if number and is_semver(number) else None
    if version is None:
        raise VersionNotFound(model=model.name, version=reference[:80])
    return version


def _alias(store: ModelStore, model: RegisteredModel, name: str) -> Alias:
    alias = store.find_alias(model.id, name) if is_name(name) else None
    if alias is None:
        raise AliasNotFound(model=model.name, alias=name[:80])
    return alias
