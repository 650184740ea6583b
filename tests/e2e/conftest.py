"""Stories over real processes."""

from __future__ import annotations

from tests.support.databases import postgresql

__all__ = ["postgresql"]
