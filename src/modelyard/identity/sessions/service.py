"""Use cases of sessions.

Logging in takes several short transactions, because hashing a password for 50 ms inside one would stop every writer of
SQLite, and because a counted failure must stay counted though the call fails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta

from modelyard.identity.projects.service import ProjectService
from modelyard.identity.roles.service import RoleService
from modelyard.identity.sessions.domain import (
    FORGET_AFTER,
    INSTALLATION_SUBJECT,
    INSTALLATION_WINDOW,
    add_failure,
    installation_wait,
    name_wait,
)
from modelyard.identity.sessions.errors import LoginRefused, LoginThrottled
from modelyard.identity.sessions.store import LoginFailureStore
from modelyard.identity.tokens.domain import Bearer, Token
from modelyard.identity.tokens.service import TokenService
from modelyard.identity.users.domain import User
from modelyard.identity.users.errors import PasswordRefused, PasswordWrong
from modelyard.identity.users.service import UserService
from modelyard.infra.crypto.passwords import PASSWORD_CHARS_MAX, PasswordHashing
from modelyard.infra.db.database import Database, UnitOfWork
from modelyard.kernel.access import ANONYMOUS, Principal, Role
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Unauthenticated
from modelyard.kernel.events import Event
from modelyard.kernel.ids import is_name


@dataclass(frozen=True, slots=True)
class Login:
    """A new session: the user, the token's row and its text."""

    user: User
    token: Token
    text: str


@dataclass(frozen=True, slots=True)
class Whoami:
    """Who one is; `roles` are (project name, role), by name."""

    principal: Principal
    must_change_password: bool
    roles: tuple[tuple[str, Role], ...]


class SessionService:
    """Logs users in and out, and tells them who they are."""

    def __init__(
        self,
        clock: Clock,
        database: Database,
        passwords: PasswordHashing,
        users: UserService,
        tokens: TokenService,
        projects: ProjectService,
        roles: RoleService,
        *,
        session_life: timedelta = timedelta(hours=12),
    ) -> None:
        self._clock = clock
        self._database = database
        self._passwords = passwords
        self._users = users
        self._tokens = tokens
        self._projects = projects
        self._roles = roles
        self._session_life = session_life

    def log_in(self, name: str, password: str, *, request_id: str = "", source: str = "api") -> Login:
        """A session for the right password. Raises LoginRefused, LoginThrottled. Call it outside transactions."""
        user, encoded = self._begin_attempt(name)
        usable = len(password) <= PASSWORD_CHARS_MAX
        is_right = self._passwords.is_correct(password if usable else "", encoded) and usable
        if user is None or encoded is None or not is_right or user.disabled_at is not None:
            self._record_refusal(name, user, request_id, source)
            raise LoginRefused
        rehashed = self._passwords.hash(password) if self._passwords.is_outdated(encoded) else None
        principal = Principal("user", user.id, user.name, user.is_administrator, user.is_auditor)
        with self._database.transaction(principal, request_id=request_id, source=source) as uow:
            # The user may have been disabled, or the password reset, while we were hashing.
            now_user = self._users.find(uow, user.id)
            if now_user != user or self._users.find_password_hash(uow, user.id) != encoded:
                raise LoginRefused
            _forgive(uow, name)
            if rehashed is not None:
                self._users.store_rehashed(uow, user, rehashed)
            token = self._tokens.issue(uow, Bearer("user", user.id, user.name), "session", self._session_life)
        return Login(user, token, self._tokens.text_of(token))

    def log_out(self, uow: UnitOfWork, principal: Principal) -> None:
        """Revokes the token that the call came with. Raises Unauthenticated for a call without one."""
        token = self._tokens.find(uow, principal.token_id)
        if token is None:
            raise Unauthenticated(reason="There is no session to end.")
        self._tokens.revoke_token(uow, token)

    def change_password(
        self, principal: Principal, old: str, new: str, *, request_id: str = "", source: str = "api"
    ) -> None:
        """One's own. Ends one's other sessions. Raises PasswordWrong, PasswordRefused, LoginThrottled (guessing the old
        one counts as failed logins). Call it outside transactions."""
        if principal.kind != "user" or principal.token_project:
            raise Unauthenticated(reason="Only a user who logged in has a password to change.")
        user, encoded = self._begin_attempt(principal.name)
        if user is None or len(old) > PASSWORD_CHARS_MAX or not self._passwords.is_correct(old, encoded):
            raise PasswordWrong
        if old == new:
            raise PasswordRefused(expected="another one than the old")
        prepared = self._users.prepare_password(user.name, new)
        with self._database.transaction(principal, request_id=request_id, source=source) as uow:
            if self._users.find_password_hash(uow, user.id) != encoded:
                raise PasswordWrong
            _forgive(uow, user.name)
            self._users.change_password(uow, user, prepared, keep_session=principal.token_id)

    def whoami(self, uow: UnitOfWork, principal: Principal) -> Whoami:
        """The principal with roles; a token bound to one project shows that one alone."""
        user = self._users.find(uow, principal.id) if principal.kind == "user" else None
        held = self._roles.roles_of(uow, principal.id)
        names = self._projects.names(uow, frozenset(held))
        shown = {names[pid]: role for pid, role in held.items() if principal.token_project in ("", names[pid])}
        return Whoami(
            principal, user is not None and user.password_is_one_time, tuple(sorted(shown.items(), key=_name))
        )

    def _begin_attempt(self, name: str) -> tuple[User | None, str | None]:
        """Counts the attempt as failed before it is made (success clears it), so that guesses sent at once do not all
        slip through before the first is counted. Raises LoginThrottled."""
        now = self._clock.now()
        with self._database.transaction(ANONYMOUS) as uow:
            store = LoginFailureStore(uow)
            everyone, mine = store.find(INSTALLATION_SUBJECT), store.find(_subject(name)) if is_name(name) else None
            wait = max(installation_wait(everyone, now), name_wait(mine, now))
            if not wait:
                store.forget_before(now - FORGET_AFTER)
                store.put(INSTALLATION_SUBJECT, add_failure(everyone, now, forget_after=INSTALLATION_WINDOW))
                if is_name(name):
                    store.put(_subject(name), add_failure(mine, now, forget_after=FORGET_AFTER))
            user = self._users.find_by_name(uow, name) if is_name(name) else None
            encoded = self._users.find_password_hash(uow, user.id) if user else None
        if wait:
            raise LoginThrottled(retry_after_s=math.ceil(wait.total_seconds()))
        return user, encoded

    def _record_refusal(self, name: str, user: User | None, request_id: str, source: str) -> None:
        shown = name if is_name(name) else "(no name)"
        with self._database.transaction(ANONYMOUS, request_id=request_id, source=source) as uow:
            uow.record(Event("identity.login.refused", f"user:{shown}", user.id if user else "", outcome="denied"))


def _forgive(uow: UnitOfWork, name: str) -> None:
    """The attempt was none of a guesser's: the name starts anew, and the installation has one failure less."""
    store = LoginFailureStore(uow)
    everyone = store.find(INSTALLATION_SUBJECT)
    if everyone is not None and everyone.count:
        store.put(INSTALLATION_SUBJECT, replace(everyone, count=everyone.count - 1))
    store.clear(_subject(name))


def _subject(name: str) -> str:
    return f"user:{name}"


def _name(item: tuple[str, Role]) -> str:
    return item[0]
