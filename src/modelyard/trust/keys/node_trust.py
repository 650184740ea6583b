"""`trust.json`: whom a node believes. Written once at enrolment; the node reads it before anything else.

Wire rule: fields are only added, with defaults; an unknown `format` is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from modelyard.infra.crypto.ed25519 import PUBLIC_KEY_BYTES, key_id
from modelyard.infra.crypto.key_files import read_private_file, write_private_file
from modelyard.trust.keys.ring import KeyRing

FORMAT = "modelyard-node-trust/1"


@dataclass(frozen=True, slots=True)
class NodeTrust:
    """The installation and node by id, and raw Ed25519 public keys: `release_key` of statements, `order_key` of desired
    state and cell jobs."""

    installation: str
    node_id: str
    release_key: bytes
    order_key: bytes

    @classmethod
    def of(cls, ring: KeyRing, node_id: str) -> Self:
        return cls(ring.installation, node_id, ring.release.public_bytes, ring.order.public_bytes)

    @property
    def release_keys(self) -> dict[str, bytes]:
        """As `attestations.verify` wants them."""
        return {key_id(self.release_key): self.release_key}

    @property
    def order_keys(self) -> dict[str, bytes]:
        return {key_id(self.order_key): self.order_key}

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "installation": self.installation,
            "node_id": self.node_id,
            "release_key": base64.b64encode(self.release_key).decode(),
            "order_key": base64.b64encode(self.order_key).decode(),
        }

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises ValueError for another format or for keys that are none."""
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise ValueError(f"the file is no {FORMAT}")
        try:
            keys = [base64.b64decode(value[name], validate=True) for name in ("release_key", "order_key")]
            trust = cls(str(value["installation"]), str(value["node_id"]), *keys)
        except (KeyError, TypeError, binascii.Error) as cause:
            raise ValueError(f"the file is incomplete: {cause!r}") from cause
        if any(len(key) != PUBLIC_KEY_BYTES for key in keys):
            raise ValueError(f"a public key has {PUBLIC_KEY_BYTES} bytes")
        return trust


def write_node_trust(path: Path, trust: NodeTrust) -> None:
    """Atomically, mode 0600."""
    write_private_file(path, json.dumps(trust.to_json(), indent=1).encode() + b"\n")


def read_node_trust(path: Path) -> NodeTrust:
    """Raises FileNotFoundError before enrolment, UnsafeKeyFile when others could have changed it, ValueError when it is
    malformed."""
    return NodeTrust.from_json(json.loads(read_private_file(path)))
