"""The identity room, wired: split from `wiring.py` for its length alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from fastapi import APIRouter

from modelyard.identity.access.authenticator import TokenAuthenticator
from modelyard.identity.access.authorizer import RoleAuthorizer
from modelyard.identity.nodes.service import NodeEnrolmentService
from modelyard.identity.pairings import api as pairings_api
from modelyard.identity.pairings.domain import EndpointDirectory
from modelyard.identity.pairings.service import PairingService
from modelyard.identity.projects import api as projects_api
from modelyard.identity.projects.service import ProjectService
from modelyard.identity.roles import api as roles_api
from modelyard.identity.roles.service import RoleService
from modelyard.identity.service_accounts import api as service_accounts_api
from modelyard.identity.service_accounts.service import ServiceAccountService
from modelyard.identity.sessions import api as sessions_api
from modelyard.identity.sessions.service import SessionService
from modelyard.identity.tokens import api as tokens_api
from modelyard.identity.tokens.service import AccessChanged, TokenService
from modelyard.identity.users import api as users_api
from modelyard.identity.users.service import UserService
from modelyard.infra.crypto.passwords import PasswordHashing
from modelyard.infra.db import Database
from modelyard.kernel.clock import Clock
from modelyard.server.settings import IdentitySection
from modelyard.trust.keys import KeyRing


@dataclass(frozen=True, slots=True)
class Identity:
    """Every service of the room."""

    projects: ProjectService
    service_accounts: ServiceAccountService
    tokens: TokenService
    users: UserService
    roles: RoleService
    sessions: SessionService
    pairings: PairingService
    nodes: NodeEnrolmentService
    authorizer: RoleAuthorizer
    authenticator: TokenAuthenticator

    def routers(self) -> list[APIRouter]:
        return [
            sessions_api.router(self.sessions),
            users_api.router(self.users),
            projects_api.router(self.projects),
            roles_api.router(self.roles),
            service_accounts_api.router(self.service_accounts),
            tokens_api.router(self.tokens),
            pairings_api.router(self.pairings),
        ]


def wire_identity(
    settings: IdentitySection,
    database: Database,
    lookups: Database,
    clock: Clock,
    keys: KeyRing,
    projects: ProjectService,
    endpoints: EndpointDirectory,
    on_access_changed: AccessChanged,
    passwords: PasswordHashing | None = None,
) -> Identity:
    """`lookups` is a second Database on the same URL: authentication and authorization read on connections that no
    transaction waits for. `projects` is built before, because the endpoints need it. `on_access_changed` runs in the
    transaction of every change that the gateway must learn of. `passwords` is for tests, which hash cheaply."""
    passwords = passwords or PasswordHashing()
    accounts = ServiceAccountService(clock, projects)
    tokens = TokenService(clock, keys, projects, accounts, on_access_changed, days_max=settings.token_days_max)
    users = UserService(clock, passwords, tokens, on_access_changed)
    roles = RoleService(clock, projects, accounts, users, on_access_changed)
    life = timedelta(hours=settings.session_hours)
    sessions = SessionService(clock, database, passwords, users, tokens, projects, roles, session_life=life)
    pairings = PairingService(clock, projects, accounts, tokens, endpoints, on_access_changed)
    nodes = NodeEnrolmentService(clock, keys)
    authorizer = RoleAuthorizer(lookups, projects, roles)
    authenticator = TokenAuthenticator(lookups, clock, keys, tokens, users, accounts, nodes)
    return Identity(
        projects, accounts, tokens, users, roles, sessions, pairings, nodes, authorizer, authenticator
    )  # fmt: skip


def enrol_local_node(identity: Identity, database: Database, node_dir: Path) -> None:
    """For `on_start`: the node of this machine has its key, and knows whom to believe."""
    with database.transaction() as uow:
        identity.nodes.enrol_local(uow, node_dir)
