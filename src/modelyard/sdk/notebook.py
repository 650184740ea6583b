"""The words of a notebook: connect, push, version, model, load.

import modelyard as my; my.connect()
v = my.push(pipe, name="notebook", sample=X[:5])
v.predict(X[:1])
v.request_release("notebook", why="first")
"""

from __future__ import annotations

import html
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.sdk.client import Client
from modelyard.sdk.errors import ModelyardError
from modelyard.sdk.frames import from_rows, to_rows
from modelyard.sdk.profiles import choose_profile
from modelyard.sdk.references import parse_reference
from modelyard.sdk.results import Build, Release
from modelyard.sdk.settings import read_settings

_connected: list[Client] = []


def connect(profile: str = "", *, url: str = "", token: str = "", project: str = "", quiet: bool = False) -> Client:
    """Connects as the profile named, the active one, or with a token; what follows uses it.

    Raises Unauthenticated when nobody is logged in or the session has ended.
    """
    if token:
        client = Client(url or read_settings().url or "http://127.0.0.1:8800", token, project=project)
    else:
        client = Client.from_profile(profile=choose_profile(read_settings(), name=profile, url=url, project=project))
    try:
        me = client.accounts.me()
    except ModelyardError:
        client.close()
        raise
    disconnect()
    _connected.append(client)
    if not quiet:
        names = [entry["name"] for entry in me.projects]
        where = project or (client.project if len(names) == 1 or client.has_project else "choose a project")
        print(f"{me.name} @ {where}, {client.url.partition('://')[2]} ✓")
    return client


def disconnect() -> None:
    """Closes the connection; the next word connects again."""
    while _connected:
        _connected.pop().close()


def current() -> Client:
    """The connected client; connects as the active profile at first use."""
    if not _connected:
        connect()
    return _connected[0]


class VersionHandle:
    """One built version: ask it, look at it, request its release."""

    def __init__(self, client: Client, project: str, model: str, version: str, build: Build | None = None) -> None:
        self._client = client
        self.project = project
        self.model = model
        self.version = version
        self.build = build

    @property
    def url(self) -> str:
        """Its page in the console."""
        return f"{self._client.url}/ui/p/{self.project}/models/{self.model}/versions/{self.version}"

    @property
    def document(self) -> dict[str, Any]:
        """Everything the registry knows of it."""
        return self._client.models.get_version(self.project, self.model, self.version)

    def predict(self, table: Any) -> Any:
        """Rows answered by the version's preview, as a DataFrame where pandas is installed; no approval needed.

        `table` is a DataFrame, a 2-d array or a list of dicts.
        """
        rows = to_rows(table, names=self._input_names(table))
        return from_rows(self._client.predictions.preview(self.project, self.model, self.version, rows).rows)

    def request_release(self, endpoint: str, *, why: str) -> Release:
        """Asks that it answer at the endpoint; somebody else decides. Prints where."""
        release = self._client.releases.request(
            self.project, endpoint=endpoint, model=self.model, version=self.version, why=why
        )
        print(f"Release {release.number} waits for a reviewer other than {release.document.get('author', 'you')}.")
        return release

    def _input_names(self, table: Any) -> Sequence[str]:
        """Column names for a table that has none, from the version's schema."""
        if hasattr(table, "columns") or not hasattr(table, "ndim"):
            return ()
        return [str(column["name"]) for column in self.document["model_schema"]["inputs"]]

    def __repr__(self) -> str:
        return f"{self.model} {self.version}  [Open] {self.url}"

    def _repr_html_(self) -> str:
        link = html.escape(self.url, quote=True)
        name = html.escape(f"{self.model} {self.version}")
        return f'<b>{name}</b> &nbsp; <a href="{link}">[Open]</a> <a href="{link}#try">[Preview]</a>'


class EndpointHandle:
    """An endpoint to ask: `my.model("tumour").predict(X)`."""

    def __init__(self, client: Client, project: str, name: str) -> None:
        self._client = client
        self.project = project
        self.name = name

    def predict(self, table: Any) -> Any:
        """Rows answered by the endpoint, as a DataFrame where pandas is installed."""
        return from_rows(self._client.predictions.predict(self.project, self.name, to_rows(table)).rows)

    def __repr__(self) -> str:
        return f"{self.project}/{self.name}  {self._client.url}/v2/models/{self.project}.{self.name}"


def push(
    model: Any,
    *,
    name: str,
    sample: Any,
    version: str = "",
    description: str = "",
    files: Sequence[str | Path] = (),
    metrics: Mapping[str, float] | None = None,
) -> VersionHandle:
    """Saves an estimator, pins what it needs, uploads, builds, and returns the version.

    `sample` is a table of a few input rows, from which the schema is inferred. `files` are modules and folders that the
    model needs. Raises ModelyardError before anything is uploaded when the model needs more than that, and
    BuildFailed when the build ends without a version.
    """
    from modelyard.sdk.estimators import write_folder
    from modelyard.sdk.folders import read_folder
    from modelyard.sdk.git_state import find_git_state
    from modelyard.sdk.pushing import modules_beside, push_folder

    client = current()
    with tempfile.TemporaryDirectory(prefix="modelyard-push-") as temporary:
        directory = Path(temporary)
        write_folder(
            directory, model, name=name, sample=sample, version=version, description=description, files=files,
            metrics=metrics,
        )  # fmt: skip
        git = find_git_state(Path())
        started = time.monotonic()
        folder = read_folder(directory)
        build = push_folder(client, folder, git, author_modules=modules_beside(Path()))
    build = client.builds.wait(build.number)
    code = f"git {git.label}" if git else "no git"
    print(f"packages ✓ {code} ✓ build {time.monotonic() - started:.1f} s")
    handle = VersionHandle(client, client.project, build.model or name, build.version, build)
    print(f"{handle.model} {handle.version}  [Open] {handle.url}")
    return handle


def version(reference: str) -> VersionHandle:
    """A version by name: `my.version("tumour:1.1.0")`, `my.version("tumour@champion")`."""
    named = parse_reference(reference)
    client = current()
    project = named.project or client.project
    found = client.models.get_version(project, named.model, named.version)
    return VersionHandle(client, project, named.model, str(found["version"]))


def model(name: str) -> EndpointHandle:
    """An endpoint by name, `fraud` or `demo/fraud`."""
    head, found, tail = name.partition("/")
    client = current()
    return EndpointHandle(client, head, tail) if found else EndpointHandle(client, client.project, head)


def load(reference: str, *, trust_code: bool = False) -> Any:
    """The model itself, in this process: `my.load("tumour@champion", trust_code=True)`.

    Every byte is checked against the digests of the version's document before anything is read. Formats that hold
    data alone load as they are; those that can run code, and entry points, need `trust_code=True`, and their packages
    installed here.
    """
    from modelyard.sdk.loading import load_version

    named = parse_reference(reference)
    client = current()
    return load_version(client, named.project or client.project, named.model, named.version, trust_code=trust_code)


__all__ = ["EndpointHandle", "ModelyardError", "VersionHandle", "connect", "load", "model", "push", "version"]
