"""A version's object in the caller's own process: the rule on unpickling binds our processes, not yours, yet nothing
that can run code is read before it was checked and you said that you trust it."""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from modelyard.contracts.version_document import VersionDocument
from modelyard.sdk.client import Client
from modelyard.sdk.errors import ModelyardError


def load_version(client: Client, project: str, model: str, version: str, *, trust_code: bool) -> Any:
    """The estimator of an artifact, or an instance of the entry point's class after its `load(files)`.

    Raises ModelyardError when the document is not the one its digest names, when a file's bytes are not those of the
    document, or when the format can run code and `trust_code` is false.
    """
    found = client.models.get_version(project, model, version)
    document = checked_document(found)
    entry = document.entry
    directory = Path(tempfile.mkdtemp(prefix=f"modelyard-{model}-"))
    client.models.pull(project, model, str(found["version"]), directory)
    if entry.kind == "artifact" and entry.artifact_format == "skops":
        return _load_skops(directory / entry.artifact, trust_code)
    if not trust_code:
        what = f"a {entry.artifact_format} file" if entry.kind == "artifact" else f"the class {entry.entry_point}"
        raise ModelyardError(
            f"{model} {found['version']} is {what}, which runs code when it is loaded.",
            code="client.trust_needed",
            hint=f'if you trust its author: my.load("{model}:{found["version"]}", trust_code=True)',
        )
    if entry.kind == "artifact":
        joblib = _import("joblib", entry.artifact)
        return joblib.load(directory / entry.artifact)
    return _load_entry_point(entry.entry_point, directory)


def checked_document(found: dict[str, Any]) -> VersionDocument:
    """The version's document, if it is the one that its digest names. Raises ModelyardError otherwise."""
    try:
        document = VersionDocument.from_json(found["document"])
    except (KeyError, ValueError) as cause:
        raise ModelyardError(f"the version's document can't be read: {cause}.", code="client.bad_document") from cause
    if document.digest != found["digest"]:
        raise ModelyardError(
            f"the version's document has {document.digest[:19]}…, expected {str(found['digest'])[:19]}….",
            code="client.document_tampered",
            hint="nothing of it was read; tell your operator",
        )
    return document


def _load_skops(path: Path, trust_code: bool) -> Any:
    skops_io = _import("skops.io", path.name)
    untrusted = skops_io.get_untrusted_types(file=path)
    if untrusted and not trust_code:
        raise ModelyardError(
            f"{path.name} holds types that can run code: {', '.join(untrusted)}.",
            code="client.trust_needed",
            hint="if you trust its author, add trust_code=True",
        )
    return skops_io.load(path, trusted=untrusted)


def _load_entry_point(entry_point: str, directory: Path) -> Any:
    module_name, _, attribute = entry_point.partition(":")
    sys.path.insert(0, str(directory))
    # A module of the same name, from another version or the notebook, is neither used nor replaced by ours.
    before = sys.modules.pop(module_name, None)
    try:
        target = getattr(importlib.import_module(module_name), attribute)
    finally:
        sys.path.remove(str(directory))
        sys.modules.pop(module_name, None)
        if before is not None:
            sys.modules[module_name] = before
    instance = target() if isinstance(target, type) else target
    if hasattr(instance, "load"):
        instance.load(directory)
    return instance


def _import(name: str, needed_for: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as cause:
        package = name.partition(".")[0]
        raise ModelyardError(
            f"{needed_for} needs {package}, which is not installed here.",
            code="client.package_missing",
            hint=f"pip install {package}",
        ) from cause
