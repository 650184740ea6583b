"""Governance over what deployment's tests set up."""

from __future__ import annotations

from tests.api.deployment.conftest import database_url, demo, demo_on_both, postgresql

__all__ = ["database_url", "demo", "demo_on_both", "postgresql"]
