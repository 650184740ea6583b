"""What the gateway refuses to start with, and which Envoy it takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.node.gateway.golden import PLAIN, TLS

from modelyard.node.gateway.envoy_binary import VERSION_MIN, find_envoy
from modelyard.node.gateway.errors import EnvoyNotFound, PlainHttpRefused


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_plain_http_on_loopback_is_fine(host: str) -> None:
    replace(PLAIN, listen_host=host).check()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "models.example"])
def test_plain_http_elsewhere_is_refused(host: str) -> None:
    with pytest.raises(PlainHttpRefused, match="clear"):
        replace(PLAIN, listen_host=host).check()


def test_tls_anywhere_is_fine_and_half_a_certificate_is_not() -> None:
    TLS.check()
    with pytest.raises(PlainHttpRefused, match="only one of"):
        replace(TLS, key_file=None).check()


def test_envoy_of_the_wheel_is_found_by_path() -> None:
    found = find_envoy(None)
    assert found.path.name == "envoy"
    assert tuple(int(part) for part in found.version.split("."))[:2] >= VERSION_MIN


def script(folder: Path, says: str) -> str:
    path = folder / "envoy"
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return str(path)


def test_old_envoy_is_refused_by_its_version(tmp_path: Path) -> None:
    with pytest.raises(EnvoyNotFound, match=r"1\.30\.2, which is too old"):
        find_envoy(script(tmp_path, "envoy  version: abc/1.30.2/Clean/RELEASE/BoringSSL"))


def test_configured_envoy_is_taken_when_new_enough(tmp_path: Path) -> None:
    path = script(tmp_path, "envoy  version: abc/1.99.0/Clean/RELEASE/BoringSSL")
    assert find_envoy(path).version == "1.99.0"
