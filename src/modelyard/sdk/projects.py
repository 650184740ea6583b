"""Projects: members, service accounts, tokens, and who may call what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelyard.sdk.errors import NotFound
from modelyard.sdk.paging import list_items
from modelyard.sdk.results import Pairing, Project, Token, result
from modelyard.sdk.transport import Transport

_PROJECTS = "/api/v1/projects"


class Projects:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list_projects(self) -> Iterator[Project]:
        return (result(Project, item) for item in list_items(self._transport, _PROJECTS))

    def add_project(self, name: str, description: str = "") -> Project:
        body = {"name": name, "description": description}
        return result(Project, self._transport.json("POST", _PROJECTS, body=body))

    def get_project(self, name: str) -> Project:
        return result(Project, self._transport.json("GET", f"{_PROJECTS}/{name}"))

    def list_members(self, project: str) -> Iterator[dict[str, Any]]:
        return list_items(self._transport, f"{_PROJECTS}/{project}/members")

    def grant(self, project: str, user: str, role: str) -> None:
        """Makes the user a member, or changes their role: viewer, developer, reviewer, operator or owner."""
        self._transport.request("PUT", f"{_PROJECTS}/{project}/members/{user}", body={"role": role})

    def remove_member(self, project: str, user: str) -> None:
        self._transport.request("DELETE", f"{_PROJECTS}/{project}/members/{user}")

    def list_service_accounts(self, project: str) -> Iterator[dict[str, Any]]:
        return list_items(self._transport, f"{_PROJECTS}/{project}/service-accounts")

    def add_service_account(self, project: str, name: str, description: str = "") -> dict[str, Any]:
        body = {"name": name, "description": description}
        answer: dict[str, Any] = self._transport.json("POST", f"{_PROJECTS}/{project}/service-accounts", body=body)
        return answer

    def list_tokens(self, project: str) -> Iterator[Token]:
        return (result(Token, item) for item in list_items(self._transport, f"{_PROJECTS}/{project}/tokens"))

    def add_token(self, project: str, *, principal: str = "", name: str = "", days: int = 30) -> Token:
        """An API token for a service account, or for yourself when no principal is named; its text is shown once."""
        body: dict[str, Any] = {"name": name or "token", "days": days}
        if principal:
            body["principal"] = principal
        return result(Token, self._transport.json("POST", f"{_PROJECTS}/{project}/tokens", body=body))

    def revoke_token(self, project: str, jti: str) -> None:
        """Ends the token; every node refuses it within a second."""
        self._transport.request("DELETE", f"{_PROJECTS}/{project}/tokens/{jti}")

    def list_pairings(self, project: str) -> Iterator[Pairing]:
        return (result(Pairing, item) for item in list_items(self._transport, f"{_PROJECTS}/{project}/pairings"))

    def allow(self, project: str, caller: str, endpoint: str, purpose: str) -> Pairing:
        body = {"caller": caller, "endpoint": endpoint, "purpose": purpose}
        return result(Pairing, self._transport.json("POST", f"{_PROJECTS}/{project}/pairings", body=body))

    def deny(self, project: str, caller: str, endpoint: str) -> Pairing:
        """Ends a pairing. Raises NotFound when the caller was not allowed."""
        for pairing in self.list_pairings(project):
            if (pairing.caller, pairing.endpoint) == (caller, endpoint) and not pairing.document.get("revoked_at"):
                self._transport.request("DELETE", f"{_PROJECTS}/{project}/pairings/{pairing.id}")
                return pairing
        raise NotFound(
            f"{caller!r} is not allowed on endpoint {endpoint!r} of project {project!r}.",
            code="pairings.not_found",
            hint="modelyard allow --list shows who is",
        )
