"""Builds over HTTP, with a played node."""

from __future__ import annotations

from tests.support.build_fixtures import shared_site, site, site_on_both
from tests.support.databases import database_url, postgresql

__all__ = ["database_url", "postgresql", "shared_site", "site", "site_on_both"]
