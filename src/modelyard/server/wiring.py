"""Builds everything once and hands the parts to each other; the only file that sees all rooms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import APIRouter

from modelyard.builds.cells.desired_blobs import DesiredBlobs
from modelyard.deployment.desired_state.changes import Changes
from modelyard.deployment.endpoints.service import EndpointNames
from modelyard.governance.audit.service import AuditTrail
from modelyard.identity.projects.service import ProjectService
from modelyard.infra.db import Database, DatabaseSettings
from modelyard.infra.db.migrations import upgrade
from modelyard.infra.http.call import Authenticator
from modelyard.infra.http.waiting import Bell
from modelyard.infra.jobs import Jobs, JobsSettings
from modelyard.kernel.access import Authorizer
from modelyard.kernel.clock import Clock, SystemClock
from modelyard.server import backup
from modelyard.server.settings import ServerSettings
from modelyard.server.wiring_builds import Builds, wire_builds
from modelyard.server.wiring_deployment import Deployment, wire_deployment
from modelyard.server.wiring_identity import Identity, enrol_local_node, wire_identity
from modelyard.server.wiring_web import page_routers
from modelyard.trust.keys import KeyRing

MIGRATIONS = Path(__file__).parent / "migrations"
JOBS_AFTER_S = 3.0  # at the latest, if nobody asks whether the process is ready


@dataclass(slots=True)
class Platform:
    """The wired control plane. `on_start` runs in order, `on_stop` in reverse, `on_ready` when it is first found so."""

    settings: ServerSettings
    database: Database
    clock: Clock
    authenticator: Authenticator
    authorizer: Authorizer
    slice_routers: list[APIRouter] = field(default_factory=list)
    on_start: list[Callable[[], None]] = field(default_factory=list)
    on_stop: list[Callable[[], None]] = field(default_factory=list)
    on_ready: list[Callable[[], None]] = field(default_factory=list)
    readiness: dict[str, Callable[[], bool]] = field(default_factory=dict)
    bells: list[Bell] = field(default_factory=list)

    def routers(self) -> list[APIRouter]:
        return self.slice_routers

    def unready_parts(self) -> list[str]:
        """Names of the parts that are not ready yet."""
        unready = [name for name, is_ready in self.readiness.items() if not is_ready()]
        if not unready:
            actions, self.on_ready = self.on_ready, []
            for action in actions:
                action()
        return unready

    def end_waiting(self) -> None:
        """Before the listeners close: long polls and event streams end now. From any thread."""
        for bell in self.bells:
            bell.close()

    def start(self) -> None:
        for action in self.on_start:
            action()

    def stop(self) -> None:
        for action in reversed(self.on_stop):
            action()
        self.database.close()


@dataclass(frozen=True, slots=True)
class Rooms:
    """Every wired room, for whoever needs a service by name: the pages, and tests."""

    identity: Identity
    builds: Builds
    deployment: Deployment


def build_platform(settings: ServerSettings, clock: Clock | None = None) -> Platform:
    """Opens the database and keys (made at first start), builds every service, and passes low rooms what they asked
    high ones for."""
    clock = clock or SystemClock()
    settings.control_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = KeyRing.open(settings.control_dir / "keys")
    database = Database(DatabaseSettings(settings.database_url, settings.database.pool_size))
    lookups = Database(DatabaseSettings(settings.database_url, settings.database.pool_size))
    upgrade(database, MIGRATIONS)
    audit = AuditTrail(clock)
    database.store_events_with(audit.store_events)
    jobs = Jobs(database, JobsSettings(settings.jobs_url), clock)
    rooms = _wire_rooms(settings, database, lookups, clock, keys, audit, jobs)
    enrol_local_node(rooms.identity, database, settings.server.home / "node")
    platform = Platform(settings, database, clock, rooms.identity.authenticator, rooms.identity.authorizer)
    platform.slice_routers += _api_routers(rooms) + page_routers(rooms.identity, rooms.builds, rooms.deployment, clock)
    platform.slice_routers.append(backup.router(settings.server.home, is_sqlite=database.is_sqlite))
    platform.on_start.append(lambda: jobs.start_later(JOBS_AFTER_S))
    platform.on_ready.append(jobs.hurry)
    platform.on_stop += [lookups.close, jobs.stop]
    platform.bells += [rooms.builds.cells.bell, rooms.deployment.changes.bell, rooms.deployment.release_changes]
    started_at = clock.now()
    platform.readiness["node"] = lambda: rooms.deployment.has_speaking_node(started_at)
    # Whoever waits for readiness logs in next; at a first start nobody could yet.
    platform.readiness["administrator"] = _once(lambda: _has_users(rooms.identity, database))
    return platform


def _has_users(identity: Identity, database: Database) -> bool:
    with database.reading() as uow:
        return identity.users.has_users(uow)


def _once(condition: Callable[[], bool]) -> Callable[[], bool]:
    """For what never turns false again: not asked any more once it was true."""
    seen = False

    def holds() -> bool:
        nonlocal seen
        seen = seen or condition()
        return seen

    return holds


def _wire_rooms(
    settings: ServerSettings, database: Database, lookups: Database, clock: Clock, keys: KeyRing, audit: AuditTrail,
    jobs: Jobs,
) -> Rooms:  # fmt: skip
    changes, projects = Changes(Bell()), ProjectService(clock)
    identity = wire_identity(
        settings.identity, database, lookups, clock, keys, projects, EndpointNames(), changes.note
    )  # fmt: skip
    blobs_dir = settings.control_dir / "blobs"
    builds = wire_builds(
        settings.builds, database, clock, keys, identity.projects, identity.nodes, jobs, blobs_dir
    )  # fmt: skip
    deployment = wire_deployment(
        database, clock, keys, identity, builds.models, builds.queries, audit, changes, settings.server.public_url
    )
    return Rooms(identity, builds, deployment)


def _api_routers(rooms: Rooms) -> list[APIRouter]:
    def newest() -> tuple[int, bytes]:
        state = rooms.deployment.desired_state.newest()
        return state.number, state.body

    blobs = DesiredBlobs(newest)
    return [*rooms.identity.routers(), *rooms.builds.routers(blobs.find), *rooms.deployment.routers()]
