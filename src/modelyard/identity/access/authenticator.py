"""Who sends a request: implements `infra.http.call.Authenticator`."""

from __future__ import annotations

from typing import Any

from modelyard.identity.nodes.service import NodeEnrolmentService
from modelyard.identity.service_accounts.service import ServiceAccountService
from modelyard.identity.tokens.domain import AUDIENCE, Token
from modelyard.identity.tokens.service import TokenService
from modelyard.identity.users.errors import PasswordChangeNeeded
from modelyard.identity.users.service import UserService
from modelyard.infra.crypto.jwt import Claims, TokenRefused, verify_jwt
from modelyard.infra.db.database import Database, UnitOfWork
from modelyard.infra.http.credentials import Credentials, read_credentials
from modelyard.kernel.access import ANONYMOUS, Principal
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Unauthenticated
from modelyard.trust.keys import KeyRing

HOST = Principal("host", "host", "host", is_administrator=True)
_KINDS = frozenset({"session", "api"})
# What someone with a one-time password may still do: see who they are, change it, log in and out. Other paths than the
# API's and the console's (styles, health) are nobody's.
_GUARDED = ("/api/", "/ui/")
CHANGE_PASSWORD_PATHS = frozenset(
    {"/api/v1/me", "/api/v1/me/password", "/api/v1/sessions", "/api/v1/sessions/current", "/ui/password"}
)


class TokenAuthenticator:
    """Bearer token or session cookie, the administration socket, or an enrolled node.

    It reads on connections of its own, see `RoleAuthorizer`.
    """

    def __init__(
        self,
        lookups: Database,
        clock: Clock,
        keys: KeyRing,
        tokens: TokenService,
        users: UserService,
        accounts: ServiceAccountService,
        nodes: NodeEnrolmentService,
    ) -> None:
        self._lookups = lookups
        self._clock = clock
        self._keys = keys
        self._tokens = tokens
        self._users = users
        self._accounts = accounts
        self._nodes = nodes

    def authenticate(self, request: Any) -> Principal:
        """The principal, ANONYMOUS without credentials. Raises Unauthenticated for bad ones (a page's bad cookie is no
        credential: the answer is the login page), PasswordChangeNeeded, CrossSiteRequest."""
        return self.principal_of(read_credentials(request))

    def principal_of(self, sent: Credentials) -> Principal:
        """The same, of credentials already read."""
        if sent.door == "host":
            return HOST
        if sent.door == "node":
            return self._node(sent.bearer)
        text = sent.bearer or sent.cookie
        if not text:
            return ANONYMOUS
        try:
            return self._holder(text, sent)
        except Unauthenticated:
            if sent.door == "page" and not sent.bearer:
                return ANONYMOUS
            raise

    def _node(self, token: str) -> Principal:
        if not token:
            return ANONYMOUS
        with self._lookups.reading() as uow:
            node = self._nodes.authenticate(uow, token)
        return Principal("node", node.id, node.name)

    def _holder(self, text: str, sent: Credentials) -> Principal:
        claims = self._verified(text)
        if sent.cookie and claims.kind != "session":
            raise Unauthenticated(reason="A cookie holds a session, and this token is none.")
        with self._lookups.reading() as uow:
            token = self._tokens.find(uow, claims.token_id)
            if token is None or token.principal_id != claims.subject or token.kind != claims.kind:
                raise Unauthenticated(reason="The token is not known here; it may be from before a restore.")
            if token.revoked_at is not None:
                raise Unauthenticated(reason="The token was revoked.")
            return self._principal(uow, token, sent.path)

    def _verified(self, text: str) -> Claims:
        try:
            return verify_jwt(
                text,
                self._keys.token_keys().get,
                issuer=self._keys.installation,
                audience=AUDIENCE,
                kinds=_KINDS,
                now=self._clock.now(),
            )
        except TokenRefused as cause:
            raise Unauthenticated(reason=f"The token is refused: {cause}.") from cause

    def _principal(self, uow: UnitOfWork, token: Token, path: str) -> Principal:
        if token.principal_kind == "service_account":
            account = self._accounts.find_by_id(uow, token.principal_id)
            if account is None or account.disabled_at is not None:
                raise Unauthenticated(reason=f"The service account {token.principal_name} is disabled.")
            return Principal("service_account", account.id, account.name, False, False, token.id, token.project)
        user = self._users.find(uow, token.principal_id)
        if user is None or user.disabled_at is not None:
            raise Unauthenticated(reason=f"The user {token.principal_name} is disabled.")
        if user.password_is_one_time and path.startswith(_GUARDED) and path not in CHANGE_PASSWORD_PATHS:
            raise PasswordChangeNeeded(name=user.name)
        return Principal("user", user.id, user.name, user.is_administrator, user.is_auditor, token.id, token.project)
