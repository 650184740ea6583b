"""What the gateway is given once, at start."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from modelyard.node.gateway.errors import PlainHttpRefused

BODY_BYTES_MAX = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`run_dir` must be a private folder (0700) that exists; the other folders are created.

    `body_bytes_max` is the node's ceiling for prediction bodies: an endpoint may ask for less, not for more.
    `concurrency` is Envoy's worker threads; None means half the cores, as the models need the other half.
    """

    port: int
    run_dir: Path
    log_dir: Path
    state_dir: Path
    control_socket: Path
    listen_host: str = "127.0.0.1"
    envoy_path: str | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    concurrency: int | None = None
    body_bytes_max: int = BODY_BYTES_MAX
    access_log_bytes_max: int = 64 * 1024 * 1024
    access_records_kept_days: int = 7

    @property
    def is_loopback(self) -> bool:
        if self.listen_host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.listen_host).is_loopback
        except ValueError:
            return False

    @property
    def listen_address(self) -> str:
        """The address for Envoy, which binds addresses and not names."""
        return "127.0.0.1" if self.listen_host == "localhost" else self.listen_host

    @property
    def scheme(self) -> str:
        return "https" if self.certificate_file else "http"

    @property
    def xds_socket(self) -> Path:
        return self.run_dir / "xds.sock"

    @property
    def admin_socket(self) -> Path:
        return self.run_dir / "envoy-admin.sock"

    @property
    def access_log(self) -> Path:
        return self.log_dir / "access.log"

    def check(self) -> None:
        """Raises PlainHttpRefused when tokens would travel in the clear, or half a certificate is given."""
        if bool(self.certificate_file) != bool(self.key_file):
            raise PlainHttpRefused(
                reason="only one of certificate_file and key_file is set", host=self.listen_host, port=self.port
            )
        if not self.is_loopback and self.certificate_file is None:
            raise PlainHttpRefused(reason="tokens would travel in the clear", host=self.listen_host, port=self.port)
