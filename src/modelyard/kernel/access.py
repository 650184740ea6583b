"""Who may do what: principals, permissions, roles, and the one question `Authorizer` answers.

A permission reads `resource:action`. Append only: a permission never changes its meaning; the reference page and the
authorization matrix of the tests are made from this file.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal, Protocol

from modelyard.kernel.errors import Denied, PlatformError


class Permission(enum.Enum):
    """`<resource>:<action>`; the comment on the right is the sentence of the reference page."""

    PROJECT_READ = "project:read"  # see the project and its members
    PROJECT_MANAGE = "project:manage"  # change members and settings
    MODEL_READ = "model:read"  # see models, versions, files, diffs, lineage
    MODEL_PUSH = "model:push"  # upload files and start builds
    ALIAS_WRITE = "alias:write"  # move an alias
    BUILD_READ = "build:read"  # see builds and their logs
    BUILD_RUN = "build:run"  # cancel and retry builds
    VERSION_PREVIEW = "version:preview"  # call a built version that nobody approved yet
    ENDPOINT_READ = "endpoint:read"  # see endpoints, their state and logs
    ENDPOINT_TRY = "endpoint:try"  # call an endpoint as oneself, rate-limited
    ENDPOINT_MANAGE = "endpoint:manage"  # stop, start, roll back, change limits
    RELEASE_READ = "release:read"  # see releases and their evidence
    RELEASE_REQUEST = "release:request"  # ask for a version to go live, withdraw the request
    RELEASE_APPROVE = "release:approve"  # approve or reject a release that someone else authored
    PAIRING_READ = "pairing:read"  # see who may call what
    PAIRING_MANAGE = "pairing:manage"  # allow and deny callers, make service accounts and their tokens
    AUDIT_READ = "audit:read"  # read and export the project's audit trail
    PREDICTION_READ = "prediction:read"  # see a prediction's access record and lineage
    USER_MANAGE = "user:manage"  # make, disable, reset users (installation)
    PROJECT_CREATE = "project:create"  # make projects (installation)
    INSTALLATION_OPERATE = "installation:operate"  # nodes, status, backup (installation)
    INSTALLATION_READ = "installation:read"  # nodes and status (installation)


class Role(enum.Enum):
    """What a member is in one project."""

    VIEWER = "viewer"
    DEVELOPER = "developer"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    OWNER = "owner"


_READ = frozenset(
    {
        Permission.PROJECT_READ, Permission.MODEL_READ, Permission.BUILD_READ, Permission.ENDPOINT_READ,
        Permission.RELEASE_READ, Permission.PAIRING_READ, Permission.PREDICTION_READ,
    }
)  # fmt: skip

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _READ,
    Role.DEVELOPER: _READ
    | {
        Permission.MODEL_PUSH, Permission.ALIAS_WRITE, Permission.BUILD_RUN, Permission.VERSION_PREVIEW,
        Permission.ENDPOINT_TRY, Permission.RELEASE_REQUEST,
    },
    Role.REVIEWER: _READ
    | {
        Permission.VERSION_PREVIEW, Permission.ENDPOINT_TRY, Permission.RELEASE_APPROVE, Permission.AUDIT_READ,
        Permission.ENDPOINT_MANAGE,
    },
    Role.OPERATOR: _READ
    | {Permission.ENDPOINT_TRY, Permission.ENDPOINT_MANAGE, Permission.BUILD_RUN, Permission.AUDIT_READ},
    Role.OWNER: _READ
    | {
        Permission.PROJECT_MANAGE, Permission.MODEL_PUSH, Permission.ALIAS_WRITE, Permission.BUILD_RUN,
        Permission.VERSION_PREVIEW, Permission.ENDPOINT_TRY, Permission.ENDPOINT_MANAGE, Permission.RELEASE_REQUEST,
        Permission.RELEASE_APPROVE, Permission.PAIRING_MANAGE, Permission.AUDIT_READ,
    },
}  # fmt: skip

ADMINISTRATOR_PERMISSIONS = frozenset(
    {
        Permission.USER_MANAGE, Permission.PROJECT_CREATE, Permission.PROJECT_READ, Permission.PROJECT_MANAGE,
        Permission.INSTALLATION_OPERATE, Permission.INSTALLATION_READ, Permission.AUDIT_READ,
    }
)  # fmt: skip
AUDITOR_PERMISSIONS = _READ | {Permission.AUDIT_READ, Permission.INSTALLATION_READ}

PrincipalKind = Literal["user", "service_account", "node", "host", "system", "anonymous"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `host` is the person who owns the machine, through the administration socket; `system` is us."""

    kind: PrincipalKind
    id: str
    name: str
    is_administrator: bool = False
    is_auditor: bool = False
    token_id: str = ""
    token_project: str = ""

    @property
    def label(self) -> str:
        return self.name if self.kind == "user" else f"{self.kind}:{self.name}"


ANONYMOUS = Principal("anonymous", "anonymous", "anonymous")
SYSTEM = Principal("system", "system", "system")


class Authorizer(Protocol):
    """Answers from memberships and installation roles; identity implements it, `server/wiring.py` passes it in."""

    def project_permissions(self, principal: Principal, project_id: str) -> frozenset[Permission]:
        """All the principal may do in that project; empty for someone outside it."""
        ...

    def installation_permissions(self, principal: Principal) -> frozenset[Permission]: ...

    def project_ids(self, principal: Principal, permission: Permission) -> frozenset[str] | None:
        """The projects in which the principal has the permission; None means all of them."""
        ...


class Access:
    """One principal's leave to do one thing, checked by the id of the object it is done to.

    A service is given an Access and must check it; a call that ends unchecked is refused (`checked`).
    """

    def __init__(self, authorizer: Authorizer, principal: Principal, permission: Permission | None) -> None:
        self.principal = principal
        self.permission = permission
        self.checked = permission is None
        self._authorizer = authorizer

    def check(self, project_id: str, *, hidden: PlatformError, scope: str = "this project") -> None:
        """Returns for a member with the permission. Raises `hidden`, the same error as for a thing that does not
        exist, for someone outside the project, and Denied for a member without the permission."""
        permissions = self._authorizer.project_permissions(self.principal, project_id)
        if not permissions:
            raise hidden
        self._check(permissions, scope)

    def check_installation(self) -> None:
        """Returns, or raises Denied, for things that belong to no project."""
        self._check(self._authorizer.installation_permissions(self.principal), "this installation")

    def visible_projects(self) -> frozenset[str] | None:
        """For lists: the projects to show rows of; None means all."""
        self.checked = True
        return None if self.permission is None else self._authorizer.project_ids(self.principal, self.permission)

    def may(self, permission: Permission, project_id: str) -> bool:
        """Whether to offer it, on a page that shows an object already checked; doing it is checked when it is done."""
        return permission in self._authorizer.project_permissions(self.principal, project_id)

    def also(self, permission: Permission) -> Access:
        """The same principal's leave for something that goes along with the first."""
        return Access(self._authorizer, self.principal, permission)

    def _check(self, held: frozenset[Permission], scope: str) -> None:
        if self.permission is not None and self.permission not in held:
            raise Denied(principal=self.principal.label, permission=self.permission.value, scope=scope)
        self.checked = True
