"""Use cases of tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from modelyard.identity.projects.domain import Project
from modelyard.identity.projects.service import ProjectService
from modelyard.identity.service_accounts.service import ServiceAccountService
from modelyard.identity.tokens.domain import (
    AUDIENCE,
    PREDICTION_TOKEN_LIFE,
    PROBE_SUBJECT,
    Bearer,
    Token,
    TokenKind,
)
from modelyard.identity.tokens.errors import TokenNotForItself, TokenNotFound
from modelyard.identity.tokens.store import IssuedTokenStore, TokenStore
from modelyard.infra.crypto.jwt import Claims, encode_jwt
from modelyard.infra.db.database import UnitOfWork
from modelyard.kernel.access import Access, Permission, Principal
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Invalid
from modelyard.kernel.events import Event
from modelyard.kernel.ids import new_id
from modelyard.kernel.paging import Page, PageRequest
from modelyard.trust.keys import KeyRing

# Called in the change's own transaction whenever the data plane must learn of it; `uow.after_commit` wakes others.
AccessChanged = Callable[[UnitOfWork], None]
DAYS_DEFAULT = 30
NAME_CHARS_MAX = 100
_KEEP_EXPIRED = timedelta(days=1)


class TokenService:
    """Issues, shows, lists and revokes tokens. A token's text is never stored."""

    def __init__(
        self,
        clock: Clock,
        keys: KeyRing,
        projects: ProjectService,
        accounts: ServiceAccountService,
        on_access_changed: AccessChanged,
        *,
        days_max: int = 365,
    ) -> None:
        self._clock = clock
        self._keys = keys
        self._projects = projects
        self._accounts = accounts
        self._on_access_changed = on_access_changed
        self._days_max = days_max

    def create(
        self, uow: UnitOfWork, access: Access, project: str, principal: str | None, name: str, days: int | None
    ) -> Token:
        """An API token for a service account (wants `pairing:manage`) or, with `principal` None, for oneself.

        Several may be valid at once: rotation is making the next before the last expires. Raises ProjectNotFound,
        Denied, ServiceAccountNotFound, TokenNotForItself, Invalid.
        """
        opened = self._projects.open(uow, access, project)
        days = DAYS_DEFAULT if days is None else days
        if not 1 <= days <= self._days_max:
            raise Invalid(field="days", got=days, expected=f"1 to {self._days_max}")
        if len(name) > NAME_CHARS_MAX:
            raise Invalid(field="name", got=f"{len(name)} characters", expected=f"at most {NAME_CHARS_MAX}")
        bearer = self._bearer(uow, access, opened, principal)
        return self.issue(uow, bearer, "api", timedelta(days=days), project=opened, name=name)

    def create_prediction_token(self, uow: UnitOfWork, access: Access, project: str) -> Token:
        """Five minutes of calling the project's endpoints as oneself."""
        opened = self._projects.open(uow, access, project)
        by = access.principal
        if by.kind not in ("user", "service_account"):
            raise Invalid(field="principal", got=by.label, expected="a user or a service account")
        store = IssuedTokenStore(uow)
        store.forget_short_lived(self._clock.now() - _KEEP_EXPIRED)
        return self.issue(uow, Bearer(by.kind, by.id, by.name), "prediction", PREDICTION_TOKEN_LIFE, project=opened)

    def issue(
        self,
        uow: UnitOfWork,
        bearer: Bearer,
        kind: TokenKind,
        life: timedelta,
        *,
        project: Project | None = None,
        name: str = "",
    ) -> Token:
        """For callers inside identity that have checked who asks."""
        now = self._clock.now().replace(microsecond=0)
        project_id, project_name = (project.id, project.name) if project else ("", "")
        token = Token(
            new_id("tk"), kind, bearer.kind, bearer.id, bearer.name, project_id, project_name, name, now, now + life,
            uow.by.label,
        )  # fmt: skip
        IssuedTokenStore(uow).add(token)
        details = {"principal": bearer.name, "kind": kind, "expires_at": token.expires_at.isoformat()}
        uow.record(
            Event(
                f"identity.{kind}_token.issued",
                f"token:{token.id}",
                token.id,
                project_id,
                project_name,
                details=details,
            )
        )
        return token

    def text_of(self, token: Token) -> str:
        """The token to send. Signing is deterministic, so this is the same text each time."""
        claims = Claims(
            issuer=self._keys.installation,
            audience=AUDIENCE,
            subject=token.principal_id,
            token_id=token.id,
            kind=token.kind,
            issued_at=int(token.created_at.timestamp()),
            expires_at=int(token.expires_at.timestamp()),
            project=token.project,
        )
        return encode_jwt(claims, self._keys.token)

    def text_again(self, uow: UnitOfWork, access: Access, project: str, token_id: str) -> str:
        """The text for a repeated creating request, for whoever could create it now. Raises TokenNotFound."""
        opened = self._projects.open(uow, access, project)
        token = self._get(uow, opened, token_id)
        if token.principal_id != access.principal.id:
            access.also(Permission.PAIRING_MANAGE).check(
                opened.id, hidden=TokenNotFound(token_id=token_id, project=opened.name), scope=opened.name
            )
        return self.text_of(token)

    def list_tokens(
        self, uow: UnitOfWork, access: Access, project: str, principal: str | None, page: PageRequest
    ) -> Page[Token]:
        """API tokens of the project, newest first; `principal` is a service account's name or `me`."""
        opened = self._projects.open(uow, access, project)
        principal_id = None
        if principal == "me":
            principal_id = access.principal.id
        elif principal is not None:
            principal_id = self._accounts.get(uow, opened, principal).id
        return TokenStore(uow, opened.id).list_api_tokens(principal_id, page)

    def revoke(self, uow: UnitOfWork, access: Access, project: str, token_id: str) -> Token:
        """One's own, or any of the project with `pairing:manage`. Revoking twice is no error."""
        opened = self._projects.open(uow, access, project)
        token = self._get(uow, opened, token_id)
        if token.principal_id != access.principal.id:
            access.also(Permission.PAIRING_MANAGE).check(
                opened.id, hidden=TokenNotFound(token_id=token_id, project=opened.name), scope=opened.name
            )
        return self.revoke_token(uow, token)

    def revoke_token(self, uow: UnitOfWork, token: Token) -> Token:
        """For callers that have checked who asks."""
        if IssuedTokenStore(uow).revoke(token.id, self._clock.now()):
            details = {"principal": token.principal_name, "kind": token.kind}
            uow.record(
                Event(
                    f"identity.{token.kind}_token.revoked",
                    f"token:{token.id}",
                    token.id,
                    token.project_id,
                    token.project,
                    details=details,
                )
            )
            self._on_access_changed(uow)
        return IssuedTokenStore(uow).find(token.id) or token

    def revoke_all_of(
        self, uow: UnitOfWork, principal_id: str, *, kind: TokenKind | None = None, keep: str = ""
    ) -> int:
        """Ends a principal's tokens at once, of one kind or of all, but `keep`; returns how many."""
        count = IssuedTokenStore(uow).revoke_all_of(principal_id, self._clock.now(), kind=kind, keep=keep)
        if count:
            self._on_access_changed(uow)
        return count

    def makers_of(self, uow: UnitOfWork, principal_id: str) -> frozenset[str]:
        """Labels of all who ever made an API token of that service account. What it does by it counts as theirs, so
        that no one reviews their own work under another name. Empty for a person's own tokens."""
        return IssuedTokenStore(uow).makers_of(principal_id)

    def find(self, uow: UnitOfWork, token_id: str) -> Token | None:
        """By id, whatever its project: for finding out who asks."""
        return IssuedTokenStore(uow).find(token_id)

    def last_expiries(self, uow: UnitOfWork, project_id: str) -> dict[str, datetime]:
        """Principal id -> the end of its longest-lived valid API token, in a project that was checked."""
        return TokenStore(uow, project_id).last_expiries(self._clock.now())

    def revoked_tokens(self, uow: UnitOfWork) -> tuple[Token, ...]:
        """What the gateway must refuse though its signature is good and its time is not over."""
        return IssuedTokenStore(uow).revoked_and_unexpired(self._clock.now())

    def token_keys(self) -> dict[str, Any]:
        """The JWK set that tokens are verified with."""
        return self._keys.token_jwks()

    def mint_probe_token(self, life: timedelta) -> str:
        """A token with subject `probe` for the node's own questions to its endpoints. It is in no table: it travels in
        the signed desired state alone, and expires with it."""
        now = int(self._clock.now().timestamp())
        claims = Claims(
            self._keys.installation,
            AUDIENCE,
            PROBE_SUBJECT,
            new_id("tk"),
            "prediction",
            now,
            now + int(life.total_seconds()),
        )
        return encode_jwt(claims, self._keys.token)

    def _get(self, uow: UnitOfWork, project: Project, token_id: str) -> Token:
        token = TokenStore(uow, project.id).find(token_id)
        if token is None:
            raise TokenNotFound(token_id=token_id[:80], project=project.name)
        return token

    def _bearer(self, uow: UnitOfWork, access: Access, project: Project, principal: str | None) -> Bearer:
        if principal is not None:
            hidden = TokenNotFound(token_id=principal[:80], project=project.name)
            access.also(Permission.PAIRING_MANAGE).check(project.id, hidden=hidden, scope=project.name)
            account = self._accounts.get(uow, project, principal)
            return Bearer("service_account", account.id, account.name)
        return _own_bearer(access.principal)


def _own_bearer(by: Principal) -> Bearer:
    if by.kind != "user" or by.token_project:
        raise TokenNotForItself
    return Bearer("user", by.id, by.name)
