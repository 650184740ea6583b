"""Which uid a project's cells run as: a block of its own for each, given out once and never again."""

from __future__ import annotations

import json
import os
from pathlib import Path

from modelyard.node.durable_files import write_durably

UID_FIRST = 200_000
# Room for one identity per tier and purpose within a project, without another allocation.
UIDS_PER_PROJECT = 16


class CellIdentities:
    """Kept in `uids.json`. Not root: every cell is ourselves, and `get` gives None."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._blocks: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def get_uid(self, project_id: str) -> int | None:
        """The same number for the same project for ever; on disk before it is used."""
        if os.geteuid() != 0:
            return None
        if project_id not in self._blocks:
            self._blocks[project_id] = len(self._blocks)
            write_durably(self._path, json.dumps(self._blocks).encode())
        return UID_FIRST + self._blocks[project_id] * UIDS_PER_PROJECT
