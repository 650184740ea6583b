"""One installation, as one principal sees it: a typed method for every call of the API, grouped by capability."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from modelyard.sdk.accounts import Accounts
from modelyard.sdk.builds import Builds
from modelyard.sdk.deployments import Endpoints, Releases
from modelyard.sdk.errors import Denied, InvalidRequest
from modelyard.sdk.paging import list_items
from modelyard.sdk.predictions import Predictions
from modelyard.sdk.profiles import Profile, choose_profile
from modelyard.sdk.projects import Projects
from modelyard.sdk.registry import Models
from modelyard.sdk.settings import read_settings
from modelyard.sdk.transport import Transport


class Client:
    """`Client("http://127.0.0.1:8800", token)`, or `Client.from_profile()` after `modelyard login`.

    Calls raise `modelyard.sdk.errors.ModelyardError`. Usable as a context manager. One client may be used by several
    threads.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        project: str = "",
        agent: str = "sdk",
        http: httpx.BaseTransport | None = None,
        socket_path: Path | None = None,
        ca_file: str = "",
    ) -> None:
        self.transport = Transport(url, token, agent=agent, http=http, socket_path=socket_path, ca_file=ca_file)
        self.url = self.transport.url
        self._project = project
        self.accounts = Accounts(self.transport)
        self.projects = Projects(self.transport)
        self.models = Models(self.transport)
        self.builds = Builds(self.transport)
        self.releases = Releases(self.transport)
        self.endpoints = Endpoints(self.transport)
        self.predictions = Predictions(self.transport)

    @classmethod
    def from_profile(
        cls, name: str = "", *, url: str = "", project: str = "", agent: str = "sdk", profile: Profile | None = None
    ) -> Self:
        """As the profile named, or the active one. Raises Unauthenticated when nobody is logged in."""
        chosen = profile or choose_profile(read_settings(), name=name, url=url, project=project)
        return cls(chosen.url, chosen.token, project=chosen.project, agent=agent, ca_file=chosen.ca_file)

    @property
    def project(self) -> str:
        """The project that calls act in when none is named. Asked of the server once, if only one is possible.

        Raises InvalidRequest when there are several or none.
        """
        if not self._project:
            names = [entry["name"] for entry in self.accounts.me().projects]
            if len(names) != 1:
                raise InvalidRequest(
                    f"You are a member of {len(names)} projects{': ' + ', '.join(names) if names else ''}; "
                    "expected one to be named.",
                    code="client.project_needed",
                    hint="add --project NAME, or ask an owner to let you in" if names else "ask an owner to let you in",
                )
            self._project = names[0]
        return self._project

    @property
    def has_project(self) -> bool:
        """Whether a project was named or found."""
        return bool(self._project)

    def audit(self, *, items_max: int = 100, **filters: Any) -> Iterator[dict[str, Any]]:
        """Audit events, newest first; filters: actor, action, target, project, since, until, outcome."""
        return list_items(self.transport, "/api/v1/audit", filters, items_max=items_max)

    def export_audit(self, kind: str = "jsonl", **filters: Any) -> Iterator[bytes]:
        """The trail as `jsonl` or `csv`, in pieces as they come."""
        query = str(httpx.QueryParams({"format": kind, **{k: v for k, v in filters.items() if v}}))
        with self.transport.stream(f"/api/v1/audit/export?{query}") as answer:
            yield from answer.iter_bytes()

    def lineage(self, prediction_id: str) -> dict[str, Any]:
        """From one prediction to the people, code, data and environment behind it."""
        answer: dict[str, Any] = self.transport.json("GET", f"/api/v1/predictions/{quote(prediction_id)}/lineage")
        return answer

    def status(self) -> dict[str, Any]:
        """Whether it is ready, what it waits for, and, for those who may see them, its nodes."""
        found: dict[str, Any] = self.transport.request("GET", "/readyz", accept=503).json()
        with suppress(Denied):
            found["nodes"] = list(list_items(self.transport, "/api/v1/nodes"))
        return found

    def close(self) -> None:
        self.transport.close()

    def __repr__(self) -> str:
        return f"Client({self.url!r}, project={self._project!r})"

    def _ipython_display_(self) -> None:
        """Nothing: as a cell's last word, `my.connect()` has printed who and where already."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
