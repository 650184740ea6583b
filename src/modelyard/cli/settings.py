"""What the environment tells the command line: the only place of it that reads `os.environ`.

`MODELYARD_PROFILE`, `MODELYARD_URL`, `MODELYARD_TOKEN`, `MODELYARD_PROJECT`, `MODELYARD_CONFIG_DIR` as the SDK reads
them, `MODELYARD_HOME` for the operator's commands, `NO_COLOR`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

HOME_DEFAULT = Path(".modelyard")


def home_dir(environment: Mapping[str, str] | None = None) -> Path:
    """The installation's folder: `MODELYARD_HOME`, or `.modelyard` here."""
    values = os.environ if environment is None else environment
    return Path(values.get("MODELYARD_HOME") or HOME_DEFAULT)


def wants_color() -> bool:
    return not os.environ.get("NO_COLOR")


def child_environment(**added: str) -> dict[str, str]:
    """The environment for a process of ours, with additions. Ours may keep their bytecode whatever the shell says:
    without it every start compiles everything again, which takes longer than the start itself."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, **added}


def node_setting(home: Path, name: str) -> str:
    """A setting of the node as its process would find it: from the environment, then `[node]` of HOME/config.toml;
    empty when neither names it or the file can't be read."""
    given = os.environ.get(f"MODELYARD__NODE__{name.upper()}")
    if given:
        return given
    try:
        return str(tomllib.loads((home / "config.toml").read_text()).get("node", {}).get(name, ""))
    except (OSError, tomllib.TOMLDecodeError):
        return ""
