"""One API or page call: who asks, for what permission, in which transaction.

A route declares what it needs in its signature, `call: Annotated[Call, require(Permission.MODEL_READ)]`, and does its
work in `call.read(...)` or `call.write(...)`: one transaction, in the route's own thread, committed before the answer
leaves. (A transaction held across FastAPI dependencies would hold SQLite's write lock while waiting for a thread.)
A call that ends without its permission having been checked against an object is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar

from fastapi import Depends, Path, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from modelyard.infra.db.database import Database, UnitOfWork
from modelyard.infra.http.idempotency import find_answer, keep_answer
from modelyard.infra.http.problems import request_id_of
from modelyard.kernel.access import Access, Authorizer, Permission, Principal
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Denied, Invalid, Unauthenticated
from modelyard.kernel.events import Event
from modelyard.kernel.paging import LIMIT_DEFAULT, LIMIT_MAX, PageRequest, open_cursor

T = TypeVar("T")


class Authenticator(Protocol):
    """Finds out who a request is from. Identity implements it."""

    def authenticate(self, request: Request) -> Principal:
        """The principal, ANONYMOUS without credentials; raises Unauthenticated for bad ones."""
        ...


@dataclass(frozen=True, slots=True)
class HttpKit:
    """What calls are made of; one per application, at `app.state.kit`."""

    database: Database
    authenticator: Authenticator
    authorizer: Authorizer
    clock: Clock


class LoginNeeded(Unauthenticated):
    """On a page: the answer is a redirect to the login page."""

    message = "You are not logged in."

    def __init__(self) -> None:
        super().__init__(reason="You are not logged in.")


class Call:
    """See the module."""

    def __init__(self, kit: HttpKit, request: Request, principal: Principal, permission: Permission | None) -> None:
        self.request = request
        self.principal = principal
        self.access = Access(kit.authorizer, principal, permission)
        self.request_id = request_id_of(request)
        self.clock = kit.clock
        self._kit = kit

    @property
    def source(self) -> str:
        """Where the call came from, for the audit trail: api, cli, sdk, page or node."""
        if not self.request.url.path.startswith("/api/"):
            return "node" if self.request.url.path.startswith("/node/") else "page"
        agent = self.request.headers.get("user-agent", "")
        return next((name for name in ("cli", "sdk") if agent.startswith(f"modelyard-{name}")), "api")

    def read(self, work: Callable[[UnitOfWork], T]) -> T:
        """Runs the work on a snapshot."""
        with self._kit.database.reading() as uow:
            uow.by, uow.request_id, uow.source = self.principal, self.request_id, self.source
            answer = self._guarded(work, uow)
        self._check_checked()
        return answer

    def write(self, work: Callable[[UnitOfWork], T], *, status: int = 200, keyed: bool = True) -> T:
        """Runs the work in a transaction. With an Idempotency-Key, a repeated call gives the first answer again
        (as a JSONResponse, which FastAPI passes through). `keyed` False ignores the key: for requests that hold a
        password and answers that hold a token, neither of which may be kept."""
        key = self.request.headers.get("idempotency-key", "") if keyed else ""
        if len(key) > 255:
            raise Invalid(field="Idempotency-Key", got=f"{len(key)} characters", expected="at most 255")
        digest = self._request_digest() if key else ""
        database = self._kit.database
        with database.transaction(self.principal, request_id=self.request_id, source=self.source) as uow:
            before = find_answer(uow, self.principal.id, key, digest) if key else None
            if before is not None:
                return JSONResponse(before[1], before[0], {"idempotency-replayed": "true"})  # type: ignore[return-value]
            answer = self._guarded(work, uow)
            self._check_checked()
            if key:
                body = jsonable_encoder(answer)
                keep_answer(uow, self.principal.id, key, digest, status, body, self.clock.now())
        return answer

    def _guarded(self, work: Callable[[UnitOfWork], T], uow: UnitOfWork) -> T:
        try:
            return work(uow)
        except Denied as denial:
            self._record_denial(denial)
            raise

    def _record_denial(self, denial: Denied) -> None:
        """A refusal belongs in the audit trail, but the call's transaction is rolled back and may hold SQLite's write
        lock: the event waits on the request until `denials.store_denials` writes it in a transaction of its own."""
        permission = str(denial.params.get("permission", ""))
        target = f"{self.request.method} {self.request.url.path}"
        self.request.state.denied = Event("access.permission.denied", target, outcome="denied", why=permission)
        self.request.state.denied_principal = self.principal

    def _request_digest(self) -> str:
        body: bytes = getattr(self.request, "_body", b"")
        head = f"{self.request.method} {self.request.url.path}\n".encode()
        return "sha256:" + hashlib.sha256(head + body).hexdigest()

    def _check_checked(self) -> None:
        if not self.access.checked:
            raise RuntimeError(f"{self.request.method} {self.request.url.path} checked no permission")


def require(permission: Permission) -> Any:
    """The route needs this permission; the service checks it against the object."""
    return _depends(permission, anonymous=False)


def authenticated() -> Any:
    """The route is for anyone who is logged in, and about themselves."""
    return _depends(None, anonymous=False)


def public(reason: str) -> Any:
    """The route needs nobody to be logged in; the reason is shown in the reference."""
    if not reason:
        raise ValueError("a public route says why")
    return _depends(None, anonymous=True, reason=reason)


def _depends(permission: Permission | None, *, anonymous: bool, reason: str = "") -> Any:
    def make_call(request: Request) -> Call:
        kit: HttpKit = request.app.state.kit
        principal = kit.authenticator.authenticate(request)
        if principal.kind == "anonymous" and not anonymous:
            from_page = not request.url.path.startswith("/api/")
            raise LoginNeeded() if from_page else Unauthenticated(reason="No token was sent.")
        return Call(kit, request, principal, permission)

    make_call.permission = permission  # type: ignore[attr-defined]
    make_call.public_reason = reason  # type: ignore[attr-defined]
    make_call.anonymous = anonymous  # type: ignore[attr-defined]
    return Depends(make_call)


def page_request(
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT, cursor: Annotated[str, Query(max_length=500)] = ""
) -> PageRequest:
    """Query parameters of every list."""
    return PageRequest(limit, open_cursor(cursor) if cursor else None)


Paged = Annotated[PageRequest, Depends(page_request)]
# The human number of a build or release, in a path; every database holds it.
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
