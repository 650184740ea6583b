"""The control plane's settings, one section per part. The only module here that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelyard.infra.settings import Loaded, load, setting


@dataclass(frozen=True, slots=True)
class ServerSection:
    home: Path = setting(Path(".modelyard"), "Folder that holds all state of the installation.")
    public_url: str = setting("http://127.0.0.1:8800", "Address of the gateway as people and callers see it.")
    log_level: str = setting("INFO", "DEBUG, INFO, WARNING or ERROR.")


@dataclass(frozen=True, slots=True)
class DatabaseSection:
    url: str = setting("", "SQLAlchemy URL; empty means SQLite at <home>/control/modelyard.db.", secret=True)
    pool_size: int = setting(10, "Connections kept open.")


@dataclass(frozen=True, slots=True)
class IdentitySection:
    session_hours: int = setting(12, "How long a login lasts, in hours.")
    token_days_max: int = setting(365, "The longest life of an API token, in days.")


@dataclass(frozen=True, slots=True)
class BuildsSection:
    upload_bytes_max: int = setting(8 * 1024**3, "Largest single file of a push, in bytes.")
    job_timeout_s: float = setting(900.0, "Longest time of one build step on a node, in seconds.")
    git: str = setting("git", "The git program that fetches Git sources.")
    allow_local_git: bool = setting(False, "Whether Git sources may be file:// or on this machine.")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    server: ServerSection = field(default_factory=ServerSection)
    database: DatabaseSection = field(default_factory=DatabaseSection)
    identity: IdentitySection = field(default_factory=IdentitySection)
    builds: BuildsSection = field(default_factory=BuildsSection)

    @property
    def control_dir(self) -> Path:
        return self.server.home / "control"

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{(self.control_dir / 'modelyard.db').absolute()}"

    @property
    def jobs_url(self) -> str:
        """The job engine's own database: a file beside ours, or a schema of its own in the same PostgreSQL."""
        return self.database.url or f"sqlite:///{(self.control_dir / 'jobs.db').absolute()}"


def load_settings(home: Path, overrides: Mapping[str, Any] | None = None) -> Loaded[ServerSettings]:
    """Reads `<home>/config.toml` and the environment. Sections of other processes in the same file are theirs."""
    given = {"server.home": home.absolute(), **(overrides or {})}
    loaded: Loaded[ServerSettings] = load(ServerSettings, home / "config.toml", os.environ, given, {"node"})
    return loaded
