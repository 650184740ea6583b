"""Builds everything once and hands the parts to each other; the only file that sees all rooms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import APIRouter

from modelyard.infra.db import Database, DatabaseSettings
from modelyard.infra.http.call import Authenticator
from modelyard.kernel.access import Authorizer
from modelyard.kernel.clock import Clock, SystemClock
from modelyard.server.settings import ServerSettings


@dataclass(slots=True)
class Platform:
    """The wired control plane. `on_start` runs in order, `on_stop` in reverse."""

    settings: ServerSettings
    database: Database
    clock: Clock
    authenticator: Authenticator
    authorizer: Authorizer
    slice_routers: list[APIRouter] = field(default_factory=list)
    on_start: list[Callable[[], None]] = field(default_factory=list)
    on_stop: list[Callable[[], None]] = field(default_factory=list)
    readiness: dict[str, Callable[[], bool]] = field(default_factory=dict)

    def routers(self) -> list[APIRouter]:
        return self.slice_routers

    def unready_parts(self) -> list[str]:
        """Names of the parts that are not ready yet."""
        return [name for name, is_ready in self.readiness.items() if not is_ready()]

    def start(self) -> None:
        for action in self.on_start:
            action()

    def stop(self) -> None:
        for action in reversed(self.on_stop):
            action()
        self.database.close()


def build_platform(settings: ServerSettings, clock: Clock | None = None) -> Platform:
    """Opens the database and keys (made at first start), builds every service, and passes low rooms what they asked
    high ones for."""
    clock = clock or SystemClock()
    settings.control_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(DatabaseSettings(settings.database_url, settings.database.pool_size))
    raise RuntimeError(f"no identity is wired yet for {database.engine.url!r}")
