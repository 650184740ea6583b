"""Models, versions, aliases, files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from modelyard.sdk.errors import ModelyardError
from modelyard.sdk.paging import list_items
from modelyard.sdk.results import Model, result
from modelyard.sdk.transport import Transport


class Models:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_models(self, project: str) -> Iterator[Model]:
        return (result(Model, item) for item in list_items(self._transport, f"/api/v1/projects/{project}/models"))

    def get_model(self, project: str, model: str) -> Model:
        return result(Model, self._transport.json("GET", f"/api/v1/projects/{project}/models/{model}"))

    def list_versions(self, project: str, model: str) -> Iterator[dict[str, Any]]:
        return list_items(self._transport, f"/api/v1/projects/{project}/models/{model}/versions")

    def get_version(self, project: str, model: str, version: str) -> dict[str, Any]:
        """Everything about one version, its document included; `version` is a semver or `@alias`."""
        answer: dict[str, Any] = self._transport.json("GET", self._version_path(project, model, version))
        return answer

    def diff(self, project: str, model: str, a: str, b: str) -> dict[str, Any]:
        """What differs between two versions: metrics, schema, dependencies, files."""
        params = {"a": a, "b": b}
        path = f"/api/v1/projects/{project}/models/{model}/diff"
        answer: dict[str, Any] = self._transport.json("GET", path, params=params)
        return answer

    def set_alias(self, project: str, model: str, alias: str, version: str) -> None:
        path = f"/api/v1/projects/{project}/models/{model}/aliases/{alias}"
        self._transport.request("PUT", path, body={"version": version})

    def remove_alias(self, project: str, model: str, alias: str) -> None:
        self._transport.request("DELETE", f"/api/v1/projects/{project}/models/{model}/aliases/{alias}")

    def read_file(self, project: str, model: str, version: str, path: str) -> bytes:
        answer = self._transport.request(
            "GET", f"{self._version_path(project, model, version)}/files/{quote(path)}", timeout_s=300
        )
        return answer.content

    def pull(self, project: str, model: str, version: str, directory: Path) -> list[Path]:
        """Writes the version's files below the directory, each checked against its digest. Returns their paths.

        Raises ModelyardError when a file's bytes are not those that the version's document names.
        """
        found = self.get_version(project, model, version)
        document = found["document"]
        written = []
        for entry in document["files"]:
            relative = PurePosixPath(entry["path"])
            if relative.is_absolute() or ".." in relative.parts:
                raise ModelyardError(f"the server names a file outside the folder: {relative}.", code="client.bad_path")
            content = self.read_file(project, model, str(found["version"]), entry["path"])
            digest = "sha256:" + hashlib.sha256(content).hexdigest()
            if digest != entry["digest"]:
                raise ModelyardError(
                    f"{relative}: got bytes with {digest[:19]}…, expected {entry['digest'][:19]}….",
                    code="client.file_tampered",
                    hint="nothing of it was written; tell your operator",
                )
            target = directory / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            written.append(target)
        return written

    @staticmethod
    def _version_path(project: str, model: str, version: str) -> str:
        return f"/api/v1/projects/{project}/models/{model}/versions/{quote(version, safe='@')}"
