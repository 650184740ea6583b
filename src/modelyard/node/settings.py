"""The node's settings. The only module of the node that reads the process environment."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.infra.processes.paths import run_dir
from modelyard.infra.settings import setting

DEFAULT_INDEX = "default"


@dataclass(frozen=True, slots=True)
class PackageIndex:
    """A package index that the operator named. Empty `url` means uv's own default; `ca_file` a CA bundle in PEM."""

    url: str = ""
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Everything that differs between two nodes. Times in seconds, sizes in bytes."""

    home: Path
    port: int = setting(8800, "Port of the gateway.")
    listen_host: str = setting("127.0.0.1", "Address of the gateway; any but a loopback one needs a certificate.")
    uv: str = setting("uv", "Path of uv; the one beside the interpreter is taken if there is one.")
    uv_cache: Path | None = setting(None, "Folder of downloaded wheels; uv's own if not set.")
    pythons: tuple[str, ...] = setting((), "Interpreters for models, as paths; searched on the path if not set.")
    indexes: Mapping[str, PackageIndex] = dataclasses.field(
        default_factory=lambda: {DEFAULT_INDEX: PackageIndex()},
        metadata={"help": "Package indexes that manifests may name: tables [node.indexes.NAME] with url and ca_file."},
    )
    envoy_path: str | None = setting(None, "Path of an Envoy of at least 1.36; the packaged one if not set.")
    certificate_file: Path | None = setting(None, "PEM certificate chain of the gateway.")
    key_file: Path | None = setting(None, "PEM key of that certificate.")
    cell_jobs_max: int = setting(2, "Cell jobs (build steps) at once.")
    changes_max: int = setting(4, "Endpoints changed over at once.")
    cell_network: bool = setting(False, "Whether model code keeps the network where it could be taken away.")
    inherited: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def node_dir(self) -> Path:
        return self.home / "node"

    @property
    def run_dir(self) -> Path:
        return run_dir(self.home)

    @property
    def control_socket(self) -> Path:
        return self.run_dir / "control.sock"

    @property
    def log_dir(self) -> Path:
        return self.node_dir / "logs"


# What uv needs of our own environment to reach an index; cells get none of it.
_UV_VARIABLES = (
    "HOME", "PATH", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy",
    "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
)  # fmt: skip


def load_settings(home: Path, port: int | None = None) -> NodeSettings:
    """Defaults, then `[node]` of HOME/config.toml, then MODELYARD__NODE__NAME. Raises ValueError on an unknown key.

    Indexes are tables: `[node.indexes.NAME] url = "…" ca_file = "…"`.
    """
    home = Path(os.path.abspath(home))
    given: dict[str, Any] = {}
    file = home / "config.toml"
    if file.exists():
        given.update(tomllib.loads(file.read_text()).get("node", {}))
    prefix = "MODELYARD__NODE__"
    given.update({name[len(prefix) :].lower(): value for name, value in os.environ.items() if name.startswith(prefix)})
    indexes = {DEFAULT_INDEX: PackageIndex()}
    indexes.update({name: PackageIndex(**index) for name, index in given.pop("indexes", {}).items()})
    if port is not None:
        given["port"] = port
    inherited = {name: value for name, value in os.environ.items() if name in _UV_VARIABLES or name.startswith("UV_")}
    values = {name: _typed(name, value) for name, value in given.items()}
    return NodeSettings(**{"home": home, "uv": _find_uv(), "indexes": indexes, "inherited": inherited, **values})


_PATHS = {"uv_cache", "certificate_file", "key_file"}
_NUMBERS = {"port", "cell_jobs_max", "changes_max"}
_TEXTS = {"listen_host", "uv", "envoy_path"}


def _typed(name: str, value: Any) -> Any:
    if name in _PATHS:
        return Path(value)
    if name in _NUMBERS:
        return int(value)
    if name in _TEXTS:
        return str(value)
    if name == "cell_network":
        return value if isinstance(value, bool) else str(value).lower() in {"1", "true", "yes"}
    if name == "pythons":
        return tuple(value.split(":") if isinstance(value, str) else value)
    expected = ", ".join(sorted(_PATHS | _NUMBERS | _TEXTS | {"cell_network", "indexes", "pythons"}))
    raise ValueError(f"[node] has the unknown key {name!r}, expected one of {expected}")


def _find_uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else shutil.which("uv") or "uv"
