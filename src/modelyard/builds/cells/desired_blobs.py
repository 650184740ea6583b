"""Which files the desired state names, and in which project: what a node may fetch without a job."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from modelyard.contracts.statements import Envelope

# The number of the newest desired state and its envelope as JSON.
ReadNewest = Callable[[], tuple[int, bytes]]
KEPT = 3


class DesiredBlobs:
    """Reads each desired state once. A few older ones count too: a node may be preparing what it was told just before
    the newest change."""

    def __init__(self, read_newest: ReadNewest) -> None:
        self._read_newest = read_newest
        self._lock = threading.Lock()
        self._known: dict[int, dict[str, str]] = {}

    def find(self, node_id: str, digest: str) -> str | None:
        """The project whose version names the file. Every node gets the same desired state, so which one asks makes no
        difference yet."""
        del node_id
        number, body = self._read_newest()
        with self._lock:
            if number not in self._known:
                self._known[number] = _digests(body)
                for old in sorted(self._known)[:-KEPT]:
                    del self._known[old]
            for known in sorted(self._known, reverse=True):
                if digest in self._known[known]:
                    return self._known[known][digest]
        return None


def _digests(body: bytes) -> dict[str, str]:
    state = Envelope.from_json(json.loads(body)).payload_json()
    found: dict[str, str] = {}
    for version in state.get("versions", ()):
        document: dict[str, Any] = version["document"]
        named = [file["digest"] for file in document["files"]]
        named += [document["environment"]["lock_digest"], document.get("sample_digest", "")]
        found |= dict.fromkeys(filter(None, named), version["project_id"])
    return found
