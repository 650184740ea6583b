"""Logging in, and the people of an installation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelyard.sdk.paging import list_items
from modelyard.sdk.results import Me, Session, User, result
from modelyard.sdk.transport import Transport

_USERS = "/api/v1/users"


class Accounts:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def log_in(self, user: str, password: str) -> Session:
        """A session; the client goes on as that user. Raises Unauthenticated for a wrong name or password."""
        body = {"user": user, "password": password}
        session = result(Session, self._transport.json("POST", "/api/v1/sessions", body=body, token=""))
        self._transport.token = session.token
        return session

    def log_out(self) -> None:
        """Ends the session on the server, so that a copy of the token is worth nothing."""
        self._transport.request("DELETE", "/api/v1/sessions/current")

    def me(self) -> Me:
        return result(Me, self._transport.json("GET", "/api/v1/me"))

    def change_password(self, old: str, new: str) -> None:
        self._transport.request("POST", "/api/v1/me/password", body={"old": old, "new": new})

    def list_users(self) -> Iterator[User]:
        return (result(User, item) for item in list_items(self._transport, _USERS))

    def add_user(
        self,
        name: str,
        *,
        display_name: str = "",
        password: str = "",
        administrator: bool = False,
        auditor: bool = False,
    ) -> User:
        """A user; without a password the server makes one and returns it this once."""
        body: dict[str, Any] = {"name": name, "is_administrator": administrator, "is_auditor": auditor}
        body |= {key: value for key, value in {"display_name": display_name, "password": password}.items() if value}
        return result(User, self._transport.json("POST", _USERS, body=body))

    def disable_user(self, name: str) -> None:
        self._transport.request("POST", f"{_USERS}/{name}/disable")

    def enable_user(self, name: str) -> None:
        self._transport.request("POST", f"{_USERS}/{name}/enable")

    def reset_password(self, name: str, *, password: str = "") -> User:
        """A new one-time password, or the one given; an administrator's call, or the machine owner's through the
        local socket."""
        body = {"password": password} if password else {}
        return result(User, self._transport.json("POST", f"{_USERS}/{name}/reset-password", body=body))
