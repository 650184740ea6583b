"""What the environment tells a client: the only place of the SDK that reads `os.environ`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

URL_DEFAULT = "http://127.0.0.1:8800"


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """`MODELYARD_PROFILE`, `MODELYARD_URL`, `MODELYARD_TOKEN`, `MODELYARD_PROJECT`, `MODELYARD_CONFIG_DIR`; empty
    means not set. `config_dir` falls back to `$XDG_CONFIG_HOME/modelyard`, then `~/.config/modelyard`."""

    config_dir: Path
    profile: str = ""
    url: str = ""
    token: str = ""
    project: str = ""


def read_settings(environment: Mapping[str, str] | None = None) -> ClientSettings:
    """From the process's environment, or the one given."""
    values = os.environ if environment is None else environment
    base = values.get("XDG_CONFIG_HOME") or str(Path(values.get("HOME") or Path.home()) / ".config")
    return ClientSettings(
        config_dir=Path(values.get("MODELYARD_CONFIG_DIR") or Path(base) / "modelyard"),
        profile=values.get("MODELYARD_PROFILE", ""),
        url=values.get("MODELYARD_URL", ""),
        token=values.get("MODELYARD_TOKEN", ""),
        project=values.get("MODELYARD_PROJECT", ""),
    )
