"""What each step of a build does. Steps read what earlier ones left in their results, and may be run again."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from modelyard.builds.builds.domain import (
    METRICS_FILE,
    Build,
    Source,
    profile_table,
    read_metrics,
    read_rows,
)
from modelyard.builds.builds.errors import MetricsUnreadable, SampleUnreadable
from modelyard.builds.cells.domain import Ask
from modelyard.builds.cells.results import CheckResult, read_check
from modelyard.builds.cells.service import CellService
from modelyard.builds.environments.domain import Lock, LockRequest
from modelyard.builds.environments.requirements import requirements_of
from modelyard.builds.environments.service import Asker, EnvironmentService
from modelyard.builds.sources.domain import (
    SourceFile,
    check_files,
    check_named,
    manifest_path,
    test_files,
    version_files,
)
from modelyard.builds.sources.errors import FileAbsent, SourceTooLarge
from modelyard.builds.sources.git import GitFetcher
from modelyard.contracts.canonical import strict_json
from modelyard.contracts.manifest import FILENAME, Example, Manifest, parse
from modelyard.contracts.version_document import (
    Entry,
    EnvironmentRef,
    FileEntry,
    ModelSchema,
    VersionDocument,
    schema_from_json,
)
from modelyard.identity.projects.domain import Project
from modelyard.registry.artifacts.service import ArtifactService
from modelyard.registry.models.domain import NewVersion, VersionFacts, VersionFile

TEXT_BYTES_MAX = 4 * 1024 * 1024
CARD_CHARS_MAX = 100_000
PROFILE_BYTES_MAX = 32 * 1024 * 1024

Results = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class StepContext:
    """`results` are those of earlier steps, by name; `save_source` keeps what a Git source turned out to hold."""

    build: Build
    project: Project
    results: Results
    check_wanted: Callable[[], None]
    save_source: Callable[[Source, str], None]

    @property
    def manifest(self) -> Manifest:
        return parse(self.build.source.manifest)


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """`result` is JSON for later steps; `detail` is for people."""

    result: dict[str, Any]
    detail: str


class BuildSteps:
    """See the module."""

    def __init__(
        self,
        artifacts: ArtifactService,
        environments: EnvironmentService,
        cells: CellService,
        git: GitFetcher,
        *,
        default_python: str,
        timeout_s: float,
        source_bytes_max: int,
    ) -> None:
        self._artifacts = artifacts
        self._environments = environments
        self._cells = cells
        self._git = git
        self._default_python = default_python
        self._timeout_s = timeout_s
        self._source_bytes_max = source_bytes_max

    def fetch(self, context: StepContext) -> StepOutcome:
        """Uploaded files were checked when the build was asked for; a Git commit's are read now."""
        source = context.build.source
        if source.kind == "git":
            source = self._fetch_git(context, source)
        manifest = parse(source.manifest)
        check_files(source.files)
        check_named(manifest, source.files)
        total = sum(file.size_bytes for file in source.files)
        context.save_source(source, manifest.model.name)
        return StepOutcome({"files": len(source.files), "size_bytes": total}, f"{len(source.files)} files")

    def lock(self, context: StepContext) -> StepOutcome:
        request = self._lock_request(context)
        lock, reused = self._environments.lock(self._asker(context), request, anew=context.build.source.relock)
        detail = "lock reused" if reused else f"{len(lock.packages)} packages locked"
        result = {
            "lock_digest": lock.digest,
            "python": request.python,
            "packages": list(lock.packages),
            "reused": reused,
        }
        return StepOutcome(result, detail)

    def environment(self, context: StepContext) -> StepOutcome:
        told = context.results["lock"]
        lock = Lock(told["lock_digest"], tuple(told["packages"]))
        made, reused = self._environments.materialize(self._asker(context), self._lock_request(context), lock)
        result = {"environment_digest": made.environment_digest, "packages": list(made.packages), "reused": reused}
        return StepOutcome(result, "environment reused" if reused else f"{made.size_bytes // 2**20} MiB installed")

    def check(self, context: StepContext) -> StepOutcome:
        manifest, source, told = context.manifest, context.build.source, context.results["lock"]
        sample = _find(source, manifest.schema.sample)
        inputs = self._check_inputs(context, manifest, sample)
        blobs = (*(file["digest"] for file in inputs["files"]), told["lock_digest"])
        project = context.project
        ask = Ask(
            project.id,
            project.name,
            context.build.id,
            "check",
            "check",
            inputs,
            (*blobs, sample.digest) if sample else blobs,
            self._timeout_s,
        )
        value, seconds = self._cells.run(ask, context.check_wanted)
        checked = read_check(value)
        return StepOutcome(_check_result(checked), _check_detail(checked, seconds))

    def version(self, context: StepContext) -> NewVersion:
        """What the record step registers: everything is there, nothing is asked of anybody any more."""
        manifest, source, build = context.manifest, context.build.source, context.build
        told, checked = context.results["lock"], context.results["check"]
        chosen = version_files(manifest, source.files)
        sample = _find(source, manifest.schema.sample)
        document = VersionDocument(
            files=tuple(FileEntry(file.path, file.digest, file.size_bytes) for file in chosen),
            environment=EnvironmentRef(told["python"], told["lock_digest"]),
            entry=_entry(manifest),
            schema=_schema(manifest, schema_from_json(checked["schema"])),
            resources=manifest.resources,
            scaling=manifest.scaling,
            sample_digest=sample.digest if sample else "",
            preload=tuple(checked["preload"]),
        )
        in_document = {file.path for file in chosen}
        files = tuple(
            VersionFile(file.path, file.digest, file.size_bytes, file.path in in_document) for file in source.files
        )
        return NewVersion(
            model=manifest.model.name,
            number=manifest.model.version,
            digest=document.digest,
            document=document.to_json(),
            facts=self._facts(context, manifest, checked, sample),
            files=files,
            build_id=build.id,
            build_number=build.number,
            created_by=build.created_by,
            created_by_id=build.created_by_id,
        )

    def _facts(
        self, context: StepContext, manifest: Manifest, checked: dict[str, Any], sample: SourceFile | None
    ) -> VersionFacts:
        source, model = context.build.source, manifest.model
        return VersionFacts(
            metrics=self._metrics(context),
            description=model.description,
            licence=model.licence,
            tags=model.tags,
            card=self._card(context, manifest),
            packages=tuple(context.results["environment"]["packages"]),
            git=source.git,
            data=self._data(context, manifest),
            check=checked["report"],
            sample=read_rows(self._json(context, sample)) if sample else None,
            sample_output=checked["sample_output"],
            client=source.client,
        )

    def _fetch_git(self, context: StepContext, source: Source) -> Source:
        origin, project = source.git_source, context.project
        files, total = [], 0
        with self._git.fetched(origin) as tree:
            for found in tree.list_files():
                context.check_wanted()
                total += found.size_bytes
                if total > self._source_bytes_max:
                    limit = f"{self._source_bytes_max} bytes"
                    raise SourceTooLarge(got=f"more than {limit}", limit=limit)
                upload = self._artifacts.start_upload(project.id, project.name)
                try:
                    tree.read(found, upload.write)
                except BaseException:
                    upload.abort()
                    raise
                artifact = upload.finish()
                files.append(SourceFile(found.path, artifact.digest, artifact.size_bytes))
        manifest = next((file for file in files if file.path == FILENAME), None)
        if manifest is None:
            raise FileAbsent(path=manifest_path(origin.directory))
        text = self._read(context, manifest)
        return replace(source, manifest=text, files=tuple(file for file in files if file.path != FILENAME))

    def _lock_request(self, context: StepContext) -> LockRequest:
        environment = context.manifest.environment
        file = _find(context.build.source, environment.dependencies)
        if file is None:
            raise FileAbsent(path=environment.dependencies)
        requirements = requirements_of(environment.dependencies, self._read(context, file))
        return LockRequest(requirements, environment.python or self._default_python, environment.index)

    def _check_inputs(self, context: StepContext, manifest: Manifest, sample: SourceFile | None) -> dict[str, Any]:
        source, told = context.build.source, context.results["lock"]
        files = {file.path: file for file in version_files(manifest, source.files)}
        files |= {file.path: file for file in test_files(manifest, source.files)}
        inputs: dict[str, Any] = {
            "files": [
                {"path": file.path, "digest": file.digest, "size_bytes": file.size_bytes}
                for _, file in sorted(files.items())
            ],
            "entry": _entry_json(_entry(manifest)),
            "environment": {"python": told["python"], "lock_digest": told["lock_digest"]},
            "index": manifest.environment.index,
            "layout": manifest.schema.layout or "",
            "sample_digest": sample.digest if sample else "",
            "schema": _declared(manifest),
            "key": manifest.schema.key,
            "preload": [],
            "examples": [self._example(context, example) for example in manifest.examples],
            "tests": {"paths": list(manifest.tests)} if manifest.tests else None,
            "timeout_s": manifest.resources.timeout_s,
            "memory_mib": manifest.resources.memory_mib,
        }
        modules = source.client.get("author_modules")
        if isinstance(modules, list) and all(isinstance(name, str) for name in modules):
            inputs["author_modules"] = modules
        return inputs

    def _example(self, context: StepContext, example: Example) -> dict[str, Any]:
        given: Any = example.input
        if isinstance(given, str):
            file = _find(context.build.source, given)
            if file is None:
                raise FileAbsent(path=given)
            given = self._json(context, file)
        return {"input": given, "expect": example.expect}

    def _metrics(self, context: StepContext) -> dict[str, float]:
        """From `metrics.json`, which the training script may write beside the model."""
        file = _find(context.build.source, METRICS_FILE)
        if file is None:
            return {}
        try:
            return read_metrics(self._read(context, file))
        except (ValueError, RecursionError) as cause:
            raise MetricsUnreadable(reason=str(cause)[:300]) from cause

    def _card(self, context: StepContext, manifest: Manifest) -> str:
        file = _find(context.build.source, manifest.model.card)
        return self._read(context, file)[:CARD_CHARS_MAX] if file else ""

    def _data(self, context: StepContext, manifest: Manifest) -> dict[str, Any]:
        """Digest and profile of the data named in the manifest: ours where the file was pushed, else as the client
        told, marked so."""
        told = context.build.source.client.get("data")
        data: dict[str, Any] = {"label": manifest.data.label} if manifest.data.label else {}
        for role, path in (("training", manifest.data.training), ("evaluation", manifest.data.evaluation)):
            file = _find(context.build.source, path)
            if file is not None:
                entry = {"path": path, "digest": file.digest, "size_bytes": file.size_bytes, "said_by": "us"}
                data[role] = entry | {"profile": self._profile(context, file)}
            elif path and isinstance(told, dict) and isinstance(told.get(role), dict):
                data[role] = told[role] | {"path": path, "said_by": "client"}
        return data

    def _profile(self, context: StepContext, file: SourceFile) -> dict[str, Any] | None:
        if not file.path.endswith(".csv") or file.size_bytes > PROFILE_BYTES_MAX:
            return None
        try:
            content = self._artifacts.read_bytes(context.project.id, file.digest, PROFILE_BYTES_MAX)
            rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
        except (ValueError, csv.Error):
            return None
        return profile_table(rows[0], rows[1:]) if rows else None

    def _json(self, context: StepContext, file: SourceFile) -> Any:
        try:
            value = strict_json(self._read(context, file))
            read_rows(value)
        except ValueError as cause:
            raise SampleUnreadable(path=file.path, reason=str(cause)[:300]) from cause
        return value

    def _read(self, context: StepContext, file: SourceFile) -> str:
        content = self._artifacts.read_bytes(context.project.id, file.digest, TEXT_BYTES_MAX)
        try:
            return content.decode()
        except UnicodeDecodeError as cause:
            raise SampleUnreadable(path=file.path, reason="it is no UTF-8 text") from cause

    def _asker(self, context: StepContext) -> Asker:
        return Asker(context.project, context.build.id, self._timeout_s, context.check_wanted)


def _find(source: Source, path: str) -> SourceFile | None:
    return next((file for file in source.files if file.path == path), None) if path else None


def _entry(manifest: Manifest) -> Entry:
    model = manifest.model
    if model.entry_point:
        return Entry("python", entry_point=model.entry_point)
    return Entry(
        "artifact", artifact=model.artifact, artifact_format="skops" if model.artifact.endswith(".skops") else "joblib"
    )


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "entry_point": entry.entry_point,
        "artifact": entry.artifact,
        "artifact_format": entry.artifact_format,
    }


def _declared(manifest: Manifest) -> dict[str, Any] | None:
    """The schema as far as the manifest writes it out; None when all of it is to be inferred."""
    schema = manifest.schema
    if not schema.inputs and not schema.outputs:
        return None
    document = _schema_json(ModelSchema(schema.inputs, schema.outputs, schema.key, schema.layout or "frame"))
    return document if schema.layout else {**document, "layout": ""}


def _schema(manifest: Manifest, found: ModelSchema) -> ModelSchema:
    return replace(found, key=manifest.schema.key or found.key)


def _schema_json(schema: ModelSchema) -> dict[str, Any]:
    columns = {
        side: [
            {
                "name": column.name,
                "datatype": column.datatype,
                "shape": list(column.shape),
                "nullable": column.nullable,
                "kind": column.kind,
                "categories": list(column.categories),
            }
            for column in getattr(schema, side)
        ]
        for side in ("inputs", "outputs")
    }
    return {**columns, "key": schema.key, "layout": schema.layout}


def _check_result(checked: CheckResult) -> dict[str, Any]:
    return {
        "schema": _schema_json(checked.schema),
        "preload": list(checked.preload),
        "sample_output": checked.sample_output,
        "report": checked.report,
    }


def _check_detail(checked: CheckResult, seconds: float) -> str:
    schema, examples, tests = checked.schema, checked.report["examples"], checked.report["tests"]
    parts = [f"schema {len(schema.inputs)} → {len(schema.outputs)}"]
    if examples:
        parts.append(f"examples {sum(one['passed'] for one in examples)}/{len(examples)}")
    if tests["passed"] or tests["failed"]:
        parts.append(f"pytest {tests['passed']}/{tests['passed'] + tests['failed']}")
    return ", ".join(parts) + f" in {seconds:.1f} s"
