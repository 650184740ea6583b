"""Use cases of users. Hashing takes a core for some 50 ms: it happens before the transaction, never inside one."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.identity.tokens.service import AccessChanged, TokenService
from modelyard.identity.users.domain import ADMINISTRATOR_NAME, NewUser, User, password_fault
from modelyard.identity.users.errors import LastAdministrator, PasswordRefused, UserNameTaken, UserNotFound
from modelyard.identity.users.store import UserStore
from modelyard.infra.crypto.passwords import (
    PASSWORD_CHARS_MAX,
    PASSWORD_CHARS_MIN,
    PasswordHashing,
    new_one_time_password,
)
from modelyard.infra.db.database import UnitOfWork
from modelyard.kernel.access import Access
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Invalid
from modelyard.kernel.events import Event
from modelyard.kernel.ids import NAME_RULE, is_name, new_id
from modelyard.kernel.paging import Page, PageRequest

# Names that mean something else wherever a principal's name is shown or sent.
RESERVED_NAMES = frozenset({"me", "system", "host", "anonymous", "probe"})


@dataclass(frozen=True, slots=True)
class PreparedPassword:
    """A password, checked and hashed. `shown_once` is the generated one-time password, None when it was given."""

    encoded: str
    shown_once: str | None

    def __repr__(self) -> str:
        return "PreparedPassword(...)"


class UserService:
    """Makes users, and ends them."""

    def __init__(
        self, clock: Clock, passwords: PasswordHashing, tokens: TokenService, on_access_changed: AccessChanged
    ) -> None:
        self._clock = clock
        self._passwords = passwords
        self._tokens = tokens
        self._on_access_changed = on_access_changed

    def prepare_password(self, name: str, password: str | None) -> PreparedPassword:
        """Checks and hashes it; None has one generated. Call it outside transactions. Raises PasswordRefused."""
        if password is None:
            generated = new_one_time_password()
            return PreparedPassword(self._passwords.hash(generated), generated)
        fault = password_fault(password, name, chars_min=PASSWORD_CHARS_MIN, chars_max=PASSWORD_CHARS_MAX)
        if fault is not None:
            raise PasswordRefused(expected=fault)
        return PreparedPassword(self._passwords.hash(password), None)

    def make_administrator(self, uow: UnitOfWork, password: PreparedPassword) -> User | None:
        """At first start: the user `admin`. None, and nothing done, when there is any user already."""
        if not UserStore(uow).is_empty():
            return None
        return self._add(uow, NewUser(ADMINISTRATOR_NAME, "Administrator", is_administrator=True), password)

    def has_users(self, uow: UnitOfWork) -> bool:
        return not UserStore(uow).is_empty()

    def create(self, uow: UnitOfWork, access: Access, new: NewUser, password: PreparedPassword) -> User:
        """Raises Denied, Invalid, UserNameTaken."""
        access.check_installation()
        return self._add(uow, new, password)

    def list_users(self, uow: UnitOfWork, access: Access, page: PageRequest) -> Page[User]:
        access.check_installation()
        return UserStore(uow).list_users(page)

    def disable(self, uow: UnitOfWork, access: Access, name: str) -> User:
        """Ends every session and token of theirs at once. Raises LastAdministrator, UserNotFound, Denied."""
        access.check_installation()
        user = self.get(uow, name)
        if user.disabled_at is None:
            if user.is_administrator and UserStore(uow).count_administrators() <= 1:
                raise LastAdministrator(name=name)
            UserStore(uow).set_disabled(user.id, self._clock.now())
            ended = self._tokens.revoke_all_of(uow, user.id)
            uow.record(Event("identity.user.disabled", f"user:{name}", user.id, details={"tokens_revoked": ended}))
            self._on_access_changed(uow)
        return self.get(uow, name)

    def enable(self, uow: UnitOfWork, access: Access, name: str) -> User:
        """Lets them log in again; tokens that were ended stay ended."""
        access.check_installation()
        user = self.get(uow, name)
        if user.disabled_at is not None:
            UserStore(uow).set_disabled(user.id, None)
            uow.record(Event("identity.user.enabled", f"user:{name}", user.id))
            self._on_access_changed(uow)
        return self.get(uow, name)

    def reset_password(self, uow: UnitOfWork, access: Access, name: str, password: PreparedPassword) -> User:
        """By an administrator or on the host: a new password, and the end of the user's sessions."""
        access.check_installation()
        user = self.get(uow, name)
        UserStore(uow).set_password(user.id, password.encoded, is_one_time=True)
        # Whoever needs a reset may have lost more than a password: API tokens made meanwhile end with it.
        ended = self._tokens.revoke_all_of(uow, user.id)
        uow.record(Event("identity.user.password_reset", f"user:{name}", user.id, details={"tokens_revoked": ended}))
        return self.get(uow, name)

    def change_password(self, uow: UnitOfWork, user: User, password: PreparedPassword, *, keep_session: str) -> None:
        """By the user, whose old password was checked; ends their other sessions."""
        UserStore(uow).set_password(user.id, password.encoded, is_one_time=False)
        self._tokens.revoke_all_of(uow, user.id, kind="session", keep=keep_session)
        uow.record(Event("identity.user.password_changed", f"user:{user.name}", user.id))

    def store_rehashed(self, uow: UnitOfWork, user: User, encoded: str) -> None:
        """The same password under today's parameters."""
        UserStore(uow).set_password(user.id, encoded, is_one_time=user.password_is_one_time)

    def get(self, uow: UnitOfWork, name: str) -> User:
        """By name. Checks nothing. Raises UserNotFound."""
        user = UserStore(uow).find_by_name(name)
        if user is None:
            raise UserNotFound(name=name[:80])
        return user

    def find_by_name(self, uow: UnitOfWork, name: str) -> User | None:
        return UserStore(uow).find_by_name(name)

    def disabled_ids(self, uow: UnitOfWork) -> frozenset[str]:
        """Who may not log in any more."""
        return UserStore(uow).disabled_ids()

    def find(self, uow: UnitOfWork, user_id: str) -> User | None:
        return UserStore(uow).find(user_id)

    def find_password_hash(self, uow: UnitOfWork, user_id: str) -> str | None:
        """For checking a password outside the transaction."""
        return UserStore(uow).find_password_hash(user_id)

    def _add(self, uow: UnitOfWork, new: NewUser, password: PreparedPassword) -> User:
        if not is_name(new.name) or new.name in RESERVED_NAMES:
            raise Invalid(field="name", got=repr(new.name[:80]), expected=f"{NAME_RULE}, and no reserved word")
        if len(new.display_name) > 200:
            raise Invalid(field="display_name", got=f"{len(new.display_name)} characters", expected="at most 200")
        user = User(
            new_id("us"), new.name, new.display_name or new.name, new.is_administrator, new.is_auditor,
            password.shown_once is not None, self._clock.now(), uow.by.label,
        )  # fmt: skip
        if not UserStore(uow).add(user, password.encoded):
            raise UserNameTaken(name=new.name)
        details = {"is_administrator": user.is_administrator, "is_auditor": user.is_auditor}
        uow.record(Event("identity.user.created", f"user:{user.name}", user.id, details=details))
        return user
